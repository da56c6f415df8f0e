"""As much of HTTP as the proxy of a sandbox needs, read with distrust: one request a connection, no more.

What is read in one way here and in another way further on is how proxies are fooled. So there is one
form of a host's name, the length of a body is a number or there is none, names that the program gives
for the host in headers are dropped, and a tunnel's TLS has to ask for the host that was allowed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ("LARGEST_HEAD", "Refused", "Request", "canonical", "parse", "relay", "server_name")

LARGEST_HEAD = 64 << 10
_LINE = re.compile(rb"([A-Z]{1,16}) ([\x21-\x7e]{1,8192}) HTTP/1\.[01]")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}):[ \t]*([\x20-\x7e\x80-\xff\t]*)")
_AUTHORITY = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_HOP_BY_HOP = {
    b"connection", b"proxy-connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"host",
    b"proxy-authorization", b"proxy-authenticate",
}  # fmt: skip


class Refused(Exception):
    """The proxy says no; the program is told why."""

    def __init__(self, status: int, why: str) -> None:
        """Set the answer's status, and its words."""
        super().__init__(why)
        self.status = status

    def answer(self) -> bytes:
        """The reply that says so."""
        body = f"codeling: {self}\n".encode("ascii", "backslashreplace")
        head = f"HTTP/1.1 {self.status} Refused by the sandbox\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        return head.encode("ascii") + f"Content-Length: {len(body)}\r\n\r\n".encode("ascii") + body


@dataclass(frozen=True, slots=True)
class Request:
    """A request that has one meaning."""

    host: str
    port: int
    head: bytes | None
    """What is sent on; None for a tunnel."""
    length: int = 0
    """Bytes of its body."""


def canonical(host: str) -> str | None:
    """The one form of a host's name in which it is compared; None for what is no name."""
    if not host.isascii() or not re.fullmatch(r"\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+", host):
        return None
    name = host.lower().removesuffix(".")
    if name.startswith("["):
        import ipaddress

        try:
            return f"[{ipaddress.IPv6Address(name[1:-1])}]"
        except ValueError:
            return None
    return name if name and not name.endswith(".") else None


def parse(raw: bytes) -> Request:
    """Read the head of a request to a proxy. Raises `Refused`."""
    first, *lines = raw[:-4].split(b"\r\n")
    line = _LINE.fullmatch(first)
    if line is None:
        raise Refused(400, "that is no request")
    headers: dict[bytes, list[bytes]] = {}
    for text in lines:
        header = _HEADER.fullmatch(text)
        if header is None:
            raise Refused(400, "that is no header")
        headers.setdefault(header[1].lower(), []).append(header[2].strip())
    method, target = line[1].decode("ascii"), line[2].decode("ascii")
    if method == "CONNECT":
        return Request(*_authority(target, None), head=None)
    scheme, mark, rest = target.partition("://")
    if not mark or scheme.lower() != "http":
        raise Refused(400, "ask for http://host/path, or CONNECT host:port")
    authority, slash, path = rest.partition("/")
    host, port = _authority(authority, 80)
    return Request(host, port, _head(method, f"{slash or '/'}{path}", host, port, headers), _length(headers))


def _authority(text: str, default: int | None) -> tuple[str, int]:
    match = _AUTHORITY.fullmatch(text)
    name = canonical(match[1]) if match else None
    if match is None or name is None or not (match[2] or default):
        raise Refused(400, "that is no host and port")
    return name, int(match[2] or default or 0)


def _head(method: str, path: str, host: str, port: int, headers: Mapping[bytes, list[bytes]]) -> bytes:
    """The request as it is sent on: with our own name of the host, and one request a connection."""
    lines = [f"{method} {path} HTTP/1.1".encode("ascii")]
    lines.append(f"Host: {host if port == 80 else f'{host}:{port}'}".encode("ascii"))
    lines += [name + b": " + value for name, values in headers.items() if name not in _HOP_BY_HOP for value in values]
    return b"\r\n".join([*lines, b"Connection: close", b"", b""])


def _length(headers: Mapping[bytes, list[bytes]]) -> int:
    if b"transfer-encoding" in headers:
        raise Refused(411, "send a Content-Length")
    lengths = headers.get(b"content-length", [b"0"])
    if len(lengths) != 1 or not re.fullmatch(rb"[0-9]{1,18}", lengths[0]):
        raise Refused(400, "that is no length")
    return int(lengths[0])


async def relay(
    request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
    from_host: asyncio.StreamReader, to_host: asyncio.StreamWriter,
) -> None:  # fmt: skip
    """Carry a request and its answer, or a tunnel's bytes both ways, until an end closes."""
    if request.head is None:
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await writer.drain()
        sending = asyncio.ensure_future(_tunnel(request.host, reader, to_host))
    else:
        to_host.write(request.head)
        sending = asyncio.ensure_future(_copy(reader, to_host, request.length))
    try:
        await _copy(from_host, writer, None)
    finally:
        sending.cancel()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, length: int | None) -> None:
    try:
        while length is None or length > 0:
            piece = await reader.read(min(length or 1 << 16, 1 << 16))
            if not piece:
                break
            length = None if length is None else length - len(piece)
            writer.write(piece)
            await writer.drain()
        if length is None and writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()


async def _tunnel(host: str, reader: asyncio.StreamReader, to_host: asyncio.StreamWriter) -> None:
    """Carry bytes to the host. TLS that asks for another name than the host's ends the tunnel."""
    try:
        first = await reader.readexactly(1)
        if first == b"\x16":
            size = await reader.readexactly(4)
            first += size + await reader.readexactly(int.from_bytes(size[2:], "big"))
            name = server_name(first)
            if name is None or (name and canonical(name) != host):
                to_host.close()
                return
        to_host.write(first)
    except (OSError, asyncio.IncompleteReadError):
        to_host.close()
        return
    await _copy(reader, to_host, None)


def server_name(record: bytes) -> str | None:
    """The host that a TLS greeting asks for; empty where it asks for none, None where it cannot be read.

    Source of the format: RFC 8446, 4.1.2, and RFC 6066, 3.
    """
    try:
        greeting = _Bytes(record[5:])
        if greeting.number(1) != 1:
            return None
        greeting.skip(3 + 2 + 32)
        for width in (1, 2, 1):  # session, ciphers, compressions
            greeting.skip(greeting.number(width))
        extensions = _Bytes(greeting.take(greeting.number(2))) if greeting.left else _Bytes(b"")
        while extensions.left:
            kind, body = extensions.number(2), _Bytes(extensions.take(extensions.number(2)))
            if kind == 0:
                body.skip(2)
                return body.take(body.number(2)).decode("ascii") if body.number(1) == 0 else None
    except ValueError:
        return None
    return ""


class _Bytes:
    """Bytes that are taken from the front, never more than there are."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise ValueError("too short")
        self._at += count
        return self._data[self._at - count : self._at]

    def skip(self, count: int) -> None:
        self.take(count)

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")
