"""The one way out of a sandbox that has one: a proxy on the host that knows named hosts and ports, no other.

The program speaks HTTP to it (CONNECT, or plain requests). Everything that it says is hostile: names are
compared in one form only, looked up here and once, and the very address that was checked is connected
to. Addresses of private networks, of this machine and of the link are refused, unless they were named.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from ..errors import UsageError
from . import http

__all__ = ("Proxy", "Rule", "rules_from")

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_INWARD = [ipaddress.ip_network(text) for text in ("64:ff9b::/96", "fec0::/10", "168.63.129.16")]
"""Addresses that look public and lead inwards: of translators, of sites in old networks, of a cloud's own services."""
_PATIENCE = 30.0
_MOST_CONNECTIONS = 64
_BUFFER = 1 << 19
"""Bytes that may wait in a connection to a granted host, each way; the kernel takes twice as much for it, at most."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One host and port that may be reached."""

    host: str
    port: int
    private: bool
    """Whether it may be an address of a private network."""


def rules_from(network: Sequence[str], private: Sequence[str] = ()) -> tuple[Rule, ...]:
    """Read `host:port` texts. An address that is written out may be private; a name only if it is in `private`.

    Raises `UsageError` for what is neither.
    """
    rules = []
    for text in network:
        host, _, port = text.rpartition(":")
        name = http.canonical(host)
        if (
            name is None
            or not port.isascii()
            or not port.isdigit()
            or not 0 < int(port) < 65536
            or not _plausible(name)
        ):
            raise UsageError(f"network= takes 'host:port', such as 'pypi.org:443'; {text!r} is not that")
        rules.append(Rule(name, int(port), _literal(name) is not None or name in map(http.canonical, private)))
    return tuple(rules)


def _literal(name: str) -> Address | None:
    try:
        return ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return None


def _plausible(name: str) -> bool:
    """Whether this is an address or a name: not an address in one of its odd forms, such as 2130706433."""
    if _literal(name):
        return True
    labels = name.split(".")
    return all(_LABEL.fullmatch(label) for label in labels) and not re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1])


def is_public(address: Address) -> bool:
    """Whether an address, and the one that it may wrap, is reached by way of the internet."""
    if any(address in network for network in _INWARD):
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


class Proxy:
    """Serves listening sockets of sandboxes, in a thread of its own, by one set of rules."""

    def __init__(self, rules: Sequence[Rule], *, resolve: Resolve | None = None) -> None:
        """Set what may be reached. `resolve` looks a name up; by default this machine does."""
        self._rules = {(rule.host, rule.port): rule for rule in rules}
        self._resolve = resolve or _look_up

    def serve(self, listening: socket.socket) -> Callable[[], None]:
        """Serve one sandbox's port; gives what ends that. The socket is closed then."""
        listening.setblocking(False)
        open_now: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is None or len(open_now) >= _MOST_CONNECTIONS:
                writer.close()
                return
            open_now.add(task)
            try:
                await self._serve(reader, writer)
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                pass  # one end has gone, or said what is no request
            except asyncio.CancelledError:
                pass  # by `end`, which nobody waits for
            finally:
                open_now.discard(task)
                writer.close()

        starting = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(connected, sock=listening, limit=http.LARGEST_HEAD), _loop()
        )
        server = starting.result(_PATIENCE)

        def end() -> None:
            def in_loop() -> None:
                server.close()
                for task in open_now:
                    task.cancel()

            _loop().call_soon_threadsafe(in_loop)

        return end

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                request = http.parse(await reader.readuntil(b"\r\n\r\n"))
                rule = self._rules.get((request.host, request.port))
                if rule is None:
                    raise http.Refused(403, f"{request.host!r}, port {request.port}, is not among network=")
                upstream = await self._connect(rule)
        except http.Refused as refusal:
            writer.write(refusal.answer())
            await writer.drain()
            return
        try:
            await http.relay(request, reader, writer, *upstream)
        finally:
            upstream[1].close()

    async def _connect(self, rule: Rule) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Look the name up once, and connect to an address that may be reached."""
        literal = _literal(rule.host)
        found = [str(literal)] if literal else await self._resolve(rule.host, rule.port)
        addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in found]
        allowed = [address for address in addresses if rule.private or is_public(address)]
        if not allowed:
            why = f"is {addresses[0]}, a private address" if addresses else "is not known"
            raise http.Refused(403, f"{rule.host!r} {why}")
        for address in allowed:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_PATIENCE / 3):
                    return await asyncio.open_connection(sock=await _connected(address, rule.port))
        raise http.Refused(502, f"{rule.host!r}, port {rule.port}, cannot be reached")


async def _connected(address: Address, port: int) -> socket.socket:
    """Connect with buffers that do not grow: a program that reads fast, then no more, could have much wait in them."""
    made = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            made.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
        await asyncio.get_running_loop().sock_connect(made, (str(address), port))
    except BaseException:
        made.close()
        raise
    return made


async def _look_up(host: str, port: int) -> Sequence[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(item[4][0]) for item in found]


_loops: list[asyncio.AbstractEventLoop] = []
_lock = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    """The loop of the thread that serves all proxies of this process."""
    with _lock:
        if not _loops:
            _loops.append(asyncio.new_event_loop())
            threading.Thread(target=_loops[0].run_forever, name="codeling-network", daemon=True).start()
        return _loops[0]
