"""Fetches a page from an address that the caller does not choose freely, within limits.

Covered: the name is resolved once, every address that it has must be a public one, the connection goes to
the address that was checked and to no other, and each redirect is checked like the first request; bytes
are counted after unpacking; one deadline ends the whole visit, however slowly the server drips.
Not covered: what a public server does on the caller's behalf, and the time that the system's resolver takes.
"""

from __future__ import annotations

import gzip
import http.client
import ipaddress
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from ..lookup import load

__all__ = ("Network", "Page", "fetch", "networks")

MOST_REDIRECTS = 10
_REDIRECTS = (301, 302, 303, 307, 308)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PORTS = {"http": 80, "https": 443}

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a server gave."""

    url: str
    """Where it was found in the end."""
    media_type: str
    charset: str | None
    data: bytes


def fetch(url: str, *, allow: bool | Sequence[Network], timeout: float, max_bytes: int, user_agent: str) -> Page:
    """Give the page at a URL; `allow` says whether, or which, addresses that are not public may be visited.

    Raises PermissionError for an address that may not be visited, ConnectionError, TimeoutError, and
    ValueError for what is no URL or too large.
    """
    deadline = time.monotonic() + timeout
    for _ in range(MOST_REDIRECTS + 1):
        parts = _checked(url)
        address = _resolved(parts, allow=allow)
        given = _ask(parts, address, left=deadline - time.monotonic(), max_bytes=max_bytes, user_agent=user_agent)
        if isinstance(given, Page):
            return given
        url = urljoin(url, given)
    raise ConnectionError(f"{url!r} redirects more than {MOST_REDIRECTS} times")


def networks(given: bool | Sequence[str]) -> bool | Sequence[Network]:
    """Read networks such as `"10.0.0.0/8"`. Raises ValueError."""
    return given if isinstance(given, bool) else [ipaddress.ip_network(text) for text in given]


def _checked(url: str) -> SplitResult:
    parts = urlsplit(url.strip())
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"{url!r} is not a web address; write it with http:// or https://")
    if parts.username is not None:
        raise ValueError(f"the address of {parts.hostname!r} holds a user name; visit it without one")
    with suppress(ValueError):
        _ = parts.port
        return parts
    raise ValueError(f"{url!r} has a port that is no number")


def _resolved(parts: SplitResult, *, allow: bool | Sequence[Network]) -> str:
    """Give the one address that the connection will go to."""
    host = str(parts.hostname)
    try:
        found = socket.getaddrinfo(host, parts.port or _PORTS[parts.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConnectionError(f"{host!r} is not known: {error}") from error
    addresses = [str(entry[4][0]) for entry in found]
    refused = [text for text in addresses if not _may_visit(ipaddress.ip_address(text.partition("%")[0]), allow)]
    if refused:
        raise PermissionError(f"{host!r} is at {refused[0]}, which is not an address of the public internet")
    return addresses[0]


def _may_visit(address: Address, allow: bool | Sequence[Network]) -> bool:
    if isinstance(allow, bool):
        return allow or _public(address)
    return _public(address) or any(address in network for network in allow)


def _public(address: Address) -> bool:
    if address in _NAT64:  # the way to all of the old internet, where a network has only the new one
        address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    public: bool = load("codeling.sandbox.network:is_public")(address)
    return public


def _ask(parts: SplitResult, address: str, *, left: float, max_bytes: int, user_agent: str) -> Page | str:
    """Send one request. Gives the page, or where the server says to look instead."""
    if left <= 0:
        raise TimeoutError(f"{parts.hostname!r} did not answer in time")
    connection = _Pinned(parts, address, left)
    watch = threading.Timer(left, connection.cut)
    watch.daemon = True
    watch.start()
    try:
        connection.request("GET", _target(parts), headers=_headers(user_agent))
        response = connection.getresponse()
        if response.status in _REDIRECTS and (place := response.headers.get("Location")):
            return place
        if response.status != 200:
            raise _Refused(f"{parts.geturl()!r} answered {response.status} {response.reason}")
        page = _page(parts, response, max_bytes)
        if connection.late:  # a page without a length looks whole wherever it was cut
            raise TimeoutError
        return page
    except _Refused:
        raise
    except (OSError, http.client.HTTPException, EOFError, zlib.error) as error:
        if connection.late or isinstance(error, TimeoutError):
            raise TimeoutError(f"{parts.hostname!r} did not answer in time") from error
        raise ConnectionError(f"{parts.geturl()!r} cannot be read: {type(error).__name__}: {error}") from error
    finally:
        watch.cancel()
        connection.close()


def _target(parts: SplitResult) -> str:
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    return f"{path}?{quote(parts.query, safe='/%:@!$&()*+,;=~-._?')}" if parts.query else path


def _headers(user_agent: str) -> dict[str, str]:
    return {
        "User-Agent": user_agent,
        "Accept": "text/html,application/xhtml+xml,text/*;q=0.9,application/json;q=0.8,*/*;q=0.1",
        "Accept-Encoding": "gzip",
    }


def _page(parts: SplitResult, response: http.client.HTTPResponse, max_bytes: int) -> Page:
    packing = response.headers.get("Content-Encoding", "identity").lower()
    if packing not in ("identity", "", "gzip", "x-gzip"):
        raise _Refused(f"{parts.geturl()!r} is packed as {packing!r}, which was not asked for")
    packed = packing.endswith("gzip")
    with gzip.GzipFile(fileobj=response) if packed else response as stream:
        data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ValueError(f"{parts.geturl()!r} is larger than {max_bytes} bytes; it was not read")
    if response.length:
        raise _Refused(f"{parts.geturl()!r} ended before its end")
    return Page(
        url=parts.geturl(), media_type=response.headers.get_content_type() if response.headers["Content-Type"] else "",
        charset=response.headers.get_content_charset(), data=data,
    )  # fmt: skip


class _Refused(ConnectionError):
    """The server answered, but not with the page."""


class _Pinned(http.client.HTTPConnection):
    """A connection to an address that was checked, for the name that it was found under."""

    def __init__(self, parts: SplitResult, address: str, timeout: float) -> None:
        super().__init__(str(parts.hostname), parts.port or _PORTS[parts.scheme], timeout=timeout)
        self._address, self._secure = address, parts.scheme == "https"
        self.late = False
        """Whether it was cut."""
        self._stream: socket.socket | None = None
        if self._secure:
            self.default_port = 443  # else the port would stand in the Host field

    def connect(self) -> None:
        """Connect to the address, whatever the name means by now."""
        self.sock = socket.create_connection((self._address, self.port), self.timeout)
        if self._secure:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)
        self._stream = self.sock  # http.client forgets its own once the answer has no known length

    def cut(self) -> None:
        """End it from another thread."""
        self.late = True
        if self._stream is not None:
            with suppress(OSError):
                self._stream.shutdown(socket.SHUT_RDWR)
