"""The browser's only way out: a proxy of our own on loopback, which knows where the browser may go.

Covered: every connection that the browser makes, be it a page, a redirect, a picture, a script, a frame, a worker
or a web socket; the name is resolved here, once, and the connection goes to the address that was checked.
Not covered: what is said on an allowed connection; for https nothing of it is seen but the host.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from ..errors import UsageError
from ..lookup import load

__all__ = ("Gate",)

_MOST_HEAD = 1 << 16
_PIECE = 1 << 16


class Gate:
    """Lets connections through to hosts that fit a pattern, such as `"*.example.org"` or `"127.0.0.1:8000"`.

    Hosts that fit none that is written out, and without patterns all hosts, are reached on the public internet only:
    who gives out names below a domain does not choose an address on this machine. Everything is on one loop.
    """

    def __init__(self, hosts: Sequence[str] | None) -> None:
        """Raises `UsageError` for what is no pattern of hosts, such as a whole address, which lets nothing through."""
        for host in hosts or ():
            if not re.fullmatch(r"[^\s/@!]+", host):
                raise UsageError(
                    f"hosts are such as '*.example.org' or '127.0.0.1:8000', without http and path; not {host!r}"
                )
        self._hosts = None if hosts is None else [host.lower() for host in hosts]
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None] | None] = set()
        """Held here, because the loop alone would let a connection's task be collected while a host says nothing."""
        self.refused: dict[str, str] = {}
        """Why, by the host and port, for each that was refused."""
        self.unreached: dict[str, str] = {}
        """Why, by the host and port, for each that could not be had."""

    async def open(self) -> int:
        """Begin to listen, and give the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_MOST_HEAD)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        """Listen no more."""
        if self._server:
            self._server.close()

    async def address(self, host: str, port: int) -> str:
        """Give the address to connect to. Raises PermissionError, OSError."""
        fitting = [pattern for pattern in self._hosts or () if _fits(pattern, host, port)]
        if self._hosts is not None and not fitting:
            raise PermissionError(f"{host}:{port} is not among the hosts that may be visited")
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        if not any(host in (pattern, pattern.rpartition(":")[0]) for pattern in fitting):
            for address in addresses:
                if not load("codeling.sandbox.network:is_public")(ipaddress.ip_address(address.partition("%")[0])):
                    raise PermissionError(f"{host}:{port} is at {address}, not on the public internet")
        return addresses[0]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(task := asyncio.current_task())
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await self._pass(head, reader, writer)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # the browser hears that the connection is closed; cancelled, it has ended itself
        finally:
            self._serving.discard(task)
            writer.close()

    async def _pass(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, _, rest = head.partition(b"\r\n")
        method, target, version = line.decode("latin-1").split(" ")
        tunnel = method == "CONNECT"
        parts = urlsplit(f"//{target}" if tunnel else target)
        host, port = (parts.hostname or "").lower(), parts.port or 80
        try:
            address = await self.address(host, port)
            there, away = await asyncio.open_connection(address, port)
        except PermissionError as error:
            self.refused[f"{host}:{port}"] = str(error)
            return await _answer(writer, 403, str(error))
        except OSError as error:
            self.unreached[f"{host}:{port}"] = why = f"{host}:{port} cannot be reached: {error.strerror or error}"
            return await _answer(writer, 502, why)
        try:
            if tunnel:
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                await asyncio.gather(_pump(reader, away), _pump(there, writer))
            else:
                path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
                away.write(f"{method} {path} {version}\r\n".encode("latin-1") + _headers(rest))
                await _body(rest, reader, away)
                await _pump(there, writer)
        finally:
            away.close()


def _headers(rest: bytes) -> bytes:
    """Give the headers for a connection that serves one request: the next may be for another host."""
    lines = [line for line in rest.split(b"\r\n") if line]
    kept = [line for line in lines if line.partition(b":")[0].lower() not in (b"connection", b"proxy-connection")]
    return b"\r\n".join([*kept, b"Connection: close", b"", b""])


async def _body(rest: bytes, reader: asyncio.StreamReader, away: asyncio.StreamWriter) -> None:
    fields = dict(line.lower().split(b":", 1) for line in rest.split(b"\r\n") if b":" in line)
    left = int(fields.get(b"content-length", b"0"))
    while left > 0 and (data := await reader.read(min(left, _PIECE))):
        left -= len(data)
        away.write(data)
        await away.drain()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(_PIECE):
            target.write(data)
            await target.drain()
    with suppress(OSError, RuntimeError):
        target.close()


def _fits(pattern: str, host: str, port: int) -> bool:
    return fnmatchcase(host, pattern) or fnmatchcase(f"{host}:{port}", pattern)


async def _answer(writer: asyncio.StreamWriter, status: int, text: str) -> None:
    body = text.encode()
    size = f"Content-Length: {len(body)}"
    head = (f"HTTP/1.1 {status} Refused", "Content-Type: text/plain", size, "Connection: close")
    writer.write("\r\n".join([*head, "", ""]).encode() + body)
    await writer.drain()
