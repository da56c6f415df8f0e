"""Connections to MCP servers. All live on one loop in a background thread, so that any thread and any loop
may use them, at once and one after the other; a connection is opened when it is needed, and again when it died.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar, cast

from ..errors import EndsRun, ToolError, UsageError
from ..events import ToolProgressed
from ..protocols import running
from .mcp_servers import Link, Server, needed

__all__ = ("Connection", "Seat", "background", "blocking", "seated")

T = TypeVar("T")
seated: ContextVar[Seat | None] = ContextVar("seat", default=None)
"""The call that a server's question belongs to, where the protocol says."""


@cache
def _loop(process: int) -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="codeling-mcp", daemon=True).start()
    atexit.register(_close_all)
    return loop


def background() -> asyncio.AbstractEventLoop:
    """Give the loop that all connections of this process live on."""
    return _loop(os.getpid())


def blocking(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the background loop and wait for it. Raises `UsageError` on that loop itself."""
    with suppress(RuntimeError):
        if asyncio.get_running_loop() is background():
            work.close()
            raise UsageError(
                "what answers an MCP server's questions cannot wait for an MCP client; use its async methods"
            )
    future = asyncio.run_coroutine_threadsafe(work, background())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


_open: weakref.WeakSet[Connection] = weakref.WeakSet()


def _close_all() -> None:
    for connection in list(_open):
        with suppress(Exception):  # the interpreter ends: nothing is left to tell
            connection.close()


@dataclass(eq=False)
class Seat:
    """Who made a call: its run and that run's loop. Waiting for a person does not count as the server's time."""

    loop: asyncio.AbstractEventLoop | None = None
    run: Any = None
    failure: EndsRun | None = None
    """What ended the run while the server was being answered."""
    clock: asyncio.Timeout | None = None
    seconds: float = 0.0
    waiting: int = 0

    @classmethod
    def here(cls) -> Seat:
        """Give the seat of whoever is calling now."""
        try:
            return cls(loop=asyncio.get_running_loop(), run=running())
        except RuntimeError:
            return cls()

    async def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Do work on the run's own loop, with the server's clock stopped."""
        self.waiting += 1
        if self.clock:
            self.clock.reschedule(None)
        try:
            if self.loop is None:
                return await work
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))
        finally:
            self.waiting -= 1
            if self.clock and not self.waiting:
                self.clock.reschedule(asyncio.get_running_loop().time() + self.seconds)

    def show(self, name: str) -> Callable[[float, float | None, str | None], Awaitable[None]] | None:
        """Give what takes a call's progress, or None where nobody watches."""
        if self.loop is None or not getattr(self.run, "observers", ()):
            return None
        loop, run = self.loop, self.run

        async def show(progress: float, total: float | None, message: str | None) -> None:
            event = ToolProgressed(name=name, progress=progress, total=total, message=message or "")
            with suppress(RuntimeError):  # the run and its loop are gone
                loop.call_soon_threadsafe(run.show, event)

        return show


class _Lost(Exception):
    """The link broke. `unsent` says that the server cannot have seen the request."""

    def __init__(self, why: str, *, unsent: bool) -> None:
        super().__init__(why)
        self.unsent = unsent


@dataclass(eq=False)
class Connection:
    """One server. Its methods other than `close` and `ask` run on the background loop."""

    server: Server
    options: Callable[[Connection], dict[str, Any]]
    """Gives what `mcp.Client` takes besides the server."""
    connect_timeout: float
    timeout: float
    seats: list[Seat] = field(default_factory=list)
    """The calls under way, the latest last."""
    _link: Link | None = None
    _lock: asyncio.Lock | None = None
    _closed: bool = False

    @property
    def refused(self) -> dict[str, str]:
        """Tools that the server lists and that are none, with the reason."""
        return self._link.refused if self._link else {}

    def close(self) -> None:
        """End the connection; what is under way fails. From any thread but the background one."""
        self._closed = True
        if self._link is not None:
            blocking(self._drop(self._link))

    async def ask(
        self, work: Callable[[Any], Awaitable[T]], *, what: str, repeatable: bool = False, seat: Seat | None = None
    ) -> T:
        """Have `work(client)` done on the background loop. From any loop.

        Raises `ToolError` where the server cannot be had, does not answer in time or dies; a request
        that may be repeated is, once, with a new connection.
        """
        seat = seat or Seat.here()
        seat.seconds = self.timeout
        future = asyncio.run_coroutine_threadsafe(self._attempts(work, what, seat, repeatable=repeatable), background())
        value = await asyncio.wrap_future(future)
        if seat.failure:
            raise seat.failure
        return value

    async def _attempts(self, work: Callable[[Any], Awaitable[T]], what: str, seat: Seat, *, repeatable: bool) -> T:
        seated.set(seat)
        self.seats.append(seat)
        try:
            for last in (False, True):
                link = await self.connected()
                try:
                    return await self._attempt(link, work, what, seat)
                except _Lost as lost:
                    if last or not (lost.unsent or repeatable):
                        raise ToolError(
                            f"the MCP server {self.server.label!r} was lost during {what}, and what it did is unknown; "
                            f"the next call starts it again ({lost})"
                        ) from None
            raise AssertionError
        finally:
            self.seats.remove(seat)

    async def _attempt(self, link: Link, work: Callable[[Any], Awaitable[T]], what: str, seat: Seat) -> T:
        label = self.server.label
        try:
            async with asyncio.timeout(self.timeout) as seat.clock:
                return await work(link.client)
        except TimeoutError:
            raise ToolError(f"the MCP server {label!r} did not answer {what} within {self.timeout:g} s") from None
        except needed("mcp").MCPError as error:
            if seat.failure:
                raise seat.failure from None
            if self._is_lost(error):
                raise await self._lost(link, error) from None
            raise ToolError(f"the MCP server {label!r} refused {what}: {error.message} (code {error.code})") from None
        except ToolError:
            raise
        except (RuntimeError, ValueError) as error:  # the SDK's own, and pydantic's, about results against the schema
            text = str(error)
            raise ToolError(f"the MCP server {label!r} broke the protocol in {what}: {text[:500]}") from None
        except OSError as error:
            raise _Lost(str(error), unsent=False) from None

    def _is_lost(self, error: Any) -> bool:
        closed = needed("mcp_types").CONNECTION_CLOSED
        return bool(error.code == closed or error.message == "Session terminated")

    async def _lost(self, link: Link, error: Any) -> _Lost:
        """Take the broken link down, and say what is known of it."""
        await self._drop(link)
        causes = _causes(link)
        refused = any(type(cause).__name__ == "ConnectError" for cause in causes)
        why = "; ".join(filter(None, [link.trouble(), *map(str, causes)])) or error.message
        return _Lost(why, unsent=refused or error.message == "Session terminated")

    async def connected(self) -> Link:
        """Give the live link; connect where there is none. Raises `ToolError`."""
        self._lock = self._lock or asyncio.Lock()
        async with self._lock:
            if self._closed:
                raise ToolError(f"the connection to the MCP server {self.server.label!r} is closed")
            if self._link is not None and self._link.ended:
                await self._drop(self._link)
            return self._link or await self._connect()

    async def _connect(self) -> Link:
        link, ready = Link(), asyncio.get_running_loop().create_future()
        task = link.task = asyncio.create_task(self._serve(link, ready), context=Context())
        task.add_done_callback(lambda task: task.cancelled() or task.exception())  # told by whoever meets it
        label = self.server.label
        try:
            async with asyncio.timeout(self.connect_timeout):
                await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        except TimeoutError:
            link.why = link.why or "it was ended"
            await self._drop(link)
            raise ToolError(
                f"the MCP server {label!r} did not answer within {self.connect_timeout:g} s of its start; "
                f"give it more with connect_timeout= if it needs that {_bracketed(link.trouble())}"
            ) from None
        if not ready.done():
            await self._drop(link)
            failure = "; ".join(f"{type(cause).__name__}: {cause}" for cause in _causes(link))
            raise ToolError(f"the MCP server {label!r} did not start: {failure} {_bracketed(link.trouble())}".strip())
        link.client, self._link = ready.result(), link
        _open.add(self)
        return link

    async def _serve(self, link: Link, ready: asyncio.Future[Any]) -> None:
        """Hold the connection open: what enters it and what leaves it has to be one task."""
        try:
            client = needed("mcp").Client(self.server.target(link), **self.options(self))
            async with client:
                ready.set_result(client)
                await link.stop.wait()
        finally:
            link.ended = True
            link.why = link.why or "the connection ended"
            link.close()

    async def _drop(self, link: Link) -> None:
        """End a link, whatever state it is in; another one that has taken its place stays."""
        if self._link is link:
            self._link = None
        link.ended = True
        link.stop.set()
        assert link.task is not None  # set where the link is made
        if link.client is None:
            link.task.cancel()
        for _ in range(2):
            done, _ = await asyncio.wait([link.task], timeout=6)
            if done:
                return
            link.task.cancel()


def _causes(link: Link) -> list[BaseException]:
    """What a link's task ended with, if with an error."""
    task = link.task
    return [] if task is None or not task.done() or task.cancelled() else _leaves(task.exception())


def _leaves(error: BaseException | None) -> list[BaseException]:
    """The errors inside groups of errors."""
    if isinstance(error, BaseExceptionGroup):
        inner = cast("BaseExceptionGroup[BaseException]", error)
        return [leaf for one in inner.exceptions for leaf in _leaves(one)]
    return [] if error is None else [error]


def _bracketed(text: str) -> str:
    return f"({text})" if text else ""
