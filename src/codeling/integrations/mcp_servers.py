"""How an MCP server is named, and the streams to it.

A server is a command, a URL, a dict of either, or an object that `mcp.Client` takes. What it sends is
bounded here, before it is read into memory whole.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from ..errors import UsageError
from ..lookup import load
from .mcp_sifting import sifted

__all__ = ("MOST_BYTES", "Link", "Server", "needed", "servers_from")

MOST_BYTES = 32 << 20
"""Bytes of one message from a server."""
_LAST_WORDS = 600
_GRACE = 2.0
_IDLE = 24 * 3600.0
"""Seconds that a stream may be silent: how long a call may take is for the client to say."""
_NO_NAMES = frozenset(("index", "main", "cli", "dist", "build", "lib", "src", "bin", "/"))


def needed(module: str) -> Any:
    """Import a part of the MCP library. Raises `MissingDependency`."""
    return load("codeling.forms.libraries:needed")(module, extra="mcp", by="MCP")


@dataclass(eq=False)
class Link:
    """One attempt at a server: whether its stream has ended, why, and its last words."""

    ended: bool = False
    why: str = ""
    log: IO[bytes] = field(default_factory=TemporaryFile)
    """What the server wrote to stderr."""
    client: Any = None
    """The SDK's client, once it is connected."""
    task: asyncio.Task[None] | None = None
    """Holds the connection open."""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    refused: dict[str, str] = field(default_factory=dict)
    """Listed tools that are no tools by the protocol, and why."""
    _words: str = ""

    def close(self) -> None:
        """Keep the server's last words, and let its log go."""
        with self.log:
            self.log.seek(max(0, self.log.seek(0, os.SEEK_END) - _LAST_WORDS))
            self._words = self.log.read().decode("utf-8", "replace").strip()

    def trouble(self) -> str:
        """Say why the link ended, as far as it is known."""
        if not self.log.closed:
            return self.why
        return "; ".join(text for text in (self.why, f"its last words: …{self._words}" if self._words else "") if text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server by its label, and how `mcp.Client` reaches it."""

    label: str
    given: bool = False
    """Whether the user named it."""
    target: Callable[[Link], Any]


def servers_from(given: Any, *, auth: Any = None) -> list[Server]:
    """Give the servers that parameters stand for. Raises `UsageError` with the forms that there are.

    `auth` is for those with a URL that have none of their own.
    """
    return list(_servers(given, auth))


def _servers(given: Any, auth: Any) -> Iterator[Server]:
    if isinstance(given, Mapping) and isinstance(given.get("mcpServers"), Mapping):
        for name, one in given["mcpServers"].items():
            yield from (Server(label=str(name), given=True, target=server.target) for server in _servers(one, auth))
    elif isinstance(given, (list, tuple)):
        for one in given:
            yield from _servers(one, auth)
    elif isinstance(given, str):
        url = given.startswith(("http://", "https://"))
        yield _http({"url": given, "auth": auth}) if url else _command(*_split(given))
    elif isinstance(given, Mapping):
        yield _of_dict({"auth": auth, **given} if "url" in given else given)
    elif hasattr(given, "command") and hasattr(given, "args"):
        yield _command(given.command, given.args, given.env, given.cwd)
    elif any(base.__module__.partition(".")[0] == "mcp" for base in type(given).__mro__):
        yield Server(label=str(getattr(given, "name", "server")), target=lambda link: given)
    else:
        raise UsageError(
            f"{given!r} names no MCP server; give a command, a URL, {{'command': …, 'args': […]}}, "
            "{'url': …, 'transport': 'streamable-http' or 'sse'}, {'mcpServers': {…}}, or a list of these"
        )


def _split(text: str) -> tuple[str, list[str]]:
    parts = shlex.split(text)
    if not parts:
        raise UsageError("an MCP server's command is empty; write it as in a shell, such as 'uvx mcp-server-time'")
    return parts[0], parts[1:]


def _of_dict(given: Mapping[str, Any]) -> Server:
    known = {"url", "transport", "type", "headers", "auth", "command", "args", "env", "cwd"}
    if unknown := [key for key in given if key not in known]:
        raise UsageError(f"an MCP server has no setting {unknown[0]!r}; there are {', '.join(sorted(known))}")
    if "url" in given:
        return _http(given)
    if "command" not in given:
        raise UsageError("an MCP server needs a 'url' or a 'command'")
    return _command(given["command"], given.get("args", ()), given.get("env"), given.get("cwd"))


def _http(given: Mapping[str, Any]) -> Server:
    url, headers, auth = str(given["url"]), dict(given.get("headers") or {}), given.get("auth")
    if isinstance(auth, str):
        headers["Authorization"], auth = f"Bearer {auth}", None
    kind = given.get("transport") or given.get("type") or "streamable-http"
    label = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    if kind == "sse":
        options = {"headers": headers, "auth": auth, "sse_read_timeout": _IDLE, "httpx_client_factory": _http_client}
        return Server(
            label=label, target=lambda link: sifted(needed("mcp.client.sse").sse_client(url, **options), link)
        )
    if kind not in ("streamable-http", "streamable_http", "streamableHttp", "http"):
        raise UsageError(f"there is no MCP transport {kind!r}; there are 'streamable-http', 'sse' and commands (stdio)")
    return Server(label=label, target=lambda link: sifted(_streamable(url, headers, auth), link))


@asynccontextmanager
async def _streamable(url: str, headers: dict[str, str], auth: Any) -> AsyncIterator[Any]:
    async with _http_client(headers, needed("httpx2").Timeout(30, read=_IDLE), auth) as client:
        connect = needed("mcp.client.streamable_http").streamable_http_client
        async with connect(url, http_client=client, max_sse_event_size=MOST_BYTES) as streams:
            yield streams


def _http_client(headers: dict[str, str] | None = None, timeout: Any = None, auth: Any = None) -> Any:
    client = needed("mcp.shared._httpx_utils").create_mcp_http_client(headers, timeout, auth)
    client.event_hooks["response"] += [_bounded, *([_admitted] if auth is None else [])]
    return client


async def _admitted(response: Any) -> None:
    """End the connection where the server wants to know who asks: the SDK would wait for an answer that never comes."""
    if response.status_code in (401, 403):
        raise PermissionError(
            f"it answered {response.status_code} {response.reason_phrase}; pass auth=… with a valid token, or headers "
            "as it wants them"
        )


async def _bounded(response: Any) -> None:
    """Have the reading of a response end where it is too large; an event stream is bounded event by event."""
    if "event-stream" not in response.headers.get("content-type", ""):
        response.stream = _bounded_stream_class()(response.stream)


def _bounded_stream_class() -> Any:
    httpx2 = needed("httpx2")

    class Bounded(httpx2.AsyncByteStream):  # type: ignore[misc, name-defined]  # the base is loaded when it is needed
        def __init__(self, inner: Any) -> None:
            self._inner, self._left = inner, MOST_BYTES

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for chunk in self._inner:
                self._left -= len(chunk)
                if self._left < 0:
                    raise httpx2.StreamError(f"more than {MOST_BYTES >> 20} MiB in one answer")
                yield chunk

        async def aclose(self) -> None:
            await self._inner.aclose()

    return Bounded


def _command(command: str, args: Any = (), env: Any = None, cwd: Any = None) -> Server:
    words = [str(command), *map(str, args)]
    return Server(label=_label(words), target=lambda link: sifted(_stdio(words, dict(env or {}), cwd, link), link))


def _label(words: list[str]) -> str:
    """The part of a command that says which server it is."""
    if "-m" in words[:-1]:
        return words[words.index("-m") + 1]
    named = [word for word in words if not word.startswith("-")]
    runs = Path(named[0]).name.startswith(("python", "node", "npx", "uvx", "uv", "bunx"))
    path = Path(named[1] if runs and len(named) > 1 else named[0]).with_suffix("")
    return next((part for part in reversed(path.parts) if part not in _NO_NAMES), path.name)


@asynccontextmanager
async def _stdio(words: list[str], env: dict[str, str], cwd: Any, link: Link) -> AsyncIterator[Any]:
    """Start the command and speak lines of JSON with it. It sees only the variables that are safe, and `env`."""
    anyio = needed("anyio")
    inherited = needed("mcp.client.stdio").get_default_environment()
    process = await anyio.open_process(
        words, env=inherited | env, cwd=cwd, stderr=link.log, start_new_session=True, stdin=subprocess.PIPE
    )
    into, reads = anyio.create_memory_object_stream(0)
    writes, outof = anyio.create_memory_object_stream(0)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_read_lines, process, into, link)
            tasks.start_soon(_write_lines, process, outof, into)
            try:
                yield reads, writes
            finally:
                with anyio.CancelScope(shield=True):
                    await _stop(process)
                tasks.cancel_scope.cancel()
    finally:
        for stream in (into, reads, writes, outof):
            stream.close()
        with anyio.CancelScope(shield=True):
            await process.aclose()


async def _read_lines(process: Any, into: Any, link: Link) -> None:
    anyio, types = needed("anyio"), needed("mcp_types")
    session_message = needed("mcp.shared.message").SessionMessage
    with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError, anyio.EndOfStream, ConnectionError):
        buffer = bytearray()
        async for chunk in process.stdout:
            start = len(buffer)
            buffer += chunk
            if buffer.find(b"\n", start) < 0 and len(buffer) > MOST_BYTES:
                link.why = f"it sent more than {MOST_BYTES >> 20} MiB in one message"
                break
            *lines, rest = buffer.split(b"\n") if b"\n" in chunk else (buffer,)
            buffer = rest
            for line in lines:
                if line.strip():
                    try:
                        message = session_message(
                            types.jsonrpc_message_adapter.validate_json(bytes(line), by_name=False)
                        )
                    except ValueError as error:
                        link.why = "it wrote something to its output that is not MCP"
                        message = error
                    await into.send(message)
    link.ended = True
    link.why = link.why or "its output ended"
    into.close()


async def _write_lines(process: Any, outof: Any, into: Any) -> None:
    anyio = needed("anyio")
    with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
        async for session_message in outof:
            text = session_message.message.model_dump_json(by_alias=True, exclude_unset=True)
            await process.stdin.send(f"{text}\n".encode())
        return
    into.close()


async def _stop(process: Any) -> None:
    """Close its input and wait; then end it with all that it started."""
    anyio = needed("anyio")
    with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        await process.stdin.aclose()
    with anyio.move_on_after(_GRACE):
        while process.returncode is None:
            await anyio.sleep(0.01)
    if process.returncode is None:
        await needed("mcp.os.posix.utilities").terminate_posix_process_tree(process, _GRACE)
