"""What adapters share that belongs to no provider: libraries, clients of event loops, threads.

Knows nothing of any provider's dialect and starts nothing by itself.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import Executor, Future
from typing import Any, Generic, TypeVar

from ..errors import MissingDependency

__all__ = ("PerLoop", "needed", "settled", "worked")

T = TypeVar("T")


def needed(module: str, *, extra: str) -> Any:
    """Import an optional library. Raises `MissingDependency` with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if (error.name or module).partition(".")[0] != module.partition(".")[0]:
            raise
    raise MissingDependency(f"this model needs the library {module!r}: pip install 'codeling[{extra}]'")


class PerLoop(Generic[T]):
    """One client for each event loop, made when first asked for and closed before its loop is.

    An async client is bound to the loop in which it opened its connections, and its owner need not
    know when a loop ends. An async generator does: every loop that is shut down in order closes
    the ones that are still open in it, and so does the garbage collector.
    """

    def __init__(self, make: Callable[[], T], close: Callable[[T], Awaitable[None]], /) -> None:
        self._make, self._close = make, close
        self._held: dict[asyncio.AbstractEventLoop, tuple[T, AsyncGenerator[T]]] = {}
        self._lock = threading.Lock()

    async def get(self) -> T:
        """Give the running loop's client."""
        loop = asyncio.get_running_loop()
        if loop not in self._held:
            # Making one imports its library and reads certificates, which would hold up the loop.
            lifetime = _lifetime(await asyncio.to_thread(self._make), self._close)
            client = await anext(lifetime)
            if loop in self._held:
                await lifetime.aclose()
            else:
                self._keep(loop, client, lifetime)
        return self._held[loop][0]

    def _keep(self, loop: asyncio.AbstractEventLoop, client: T, lifetime: AsyncGenerator[T]) -> None:
        with self._lock:
            # A loop that was closed without a shutdown never ran the end of its generator.
            for closed in [other for other in self._held if other.is_closed()]:
                del self._held[closed]
            self._held[loop] = client, lifetime


async def _lifetime(client: T, close: Callable[[T], Awaitable[None]]) -> AsyncGenerator[T]:
    try:
        yield client
    finally:
        await close(client)


async def worked(pool: Executor | None, work: Callable[[], T], /, *, stop: threading.Event) -> T:
    """Do blocking work in a thread; when cancelled, set `stop` and return only once the work has ended."""
    loop = asyncio.get_running_loop()
    job: asyncio.Future[T] = loop.run_in_executor(pool, work)
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        stop.set()
        await settled(job)
        raise


async def settled(job: asyncio.Future[Any] | Future[Any]) -> None:
    """Wait until a thread's work has come to its end, whatever it is."""
    future = asyncio.wrap_future(job) if isinstance(job, Future) else job
    await asyncio.wait([future])
    if not future.cancelled():
        future.exception()
