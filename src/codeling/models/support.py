"""What adapters share that belongs to no provider: libraries, clients of event loops, threads.

Knows nothing of any provider's dialect and starts nothing by itself.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from typing import Any, Generic, TypeVar

from ..errors import MissingDependency
from ..messages import Request

__all__ = ("PerLoop", "broken", "needed", "pieces", "settled", "warmed", "worked")

T = TypeVar("T")


def needed(module: str, *, extra: str) -> Any:
    """Import an optional library. Raises `MissingDependency` with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if (error.name or module).partition(".")[0] != module.partition(".")[0]:
            raise
    raise MissingDependency(f"this model needs the library {module!r}: pip install 'codeling[{extra}]'")


def broken() -> tuple[type[Exception], ...]:
    """Give what a connection's failure is raised as, by the HTTP libraries that are in use here."""
    loaded = (sys.modules[name] for name in ("httpx", "httpx2") if name in sys.modules)
    found = [getattr(library, "HTTPError", None) for library in loaded]  # None while another thread imports it
    return (ConnectionError, *filter(None, found))


class PerLoop(Generic[T]):
    """One client for each event loop, made when first asked for and closed before its loop is.

    An async client is bound to the loop in which it opened its connections, and its owner need not
    know when a loop ends. An async generator does: every loop that is shut down in order closes
    the ones that are still open in it. Where the loop goes on, they are closed when this object is gone.
    """

    def __init__(self, make: Callable[[], T], close: Callable[[T], Awaitable[None]], /) -> None:
        self._make, self._close = make, close
        self._held: dict[asyncio.AbstractEventLoop, tuple[T, AsyncGenerator[T]]] = {}
        self._lock = threading.Lock()
        # Held by the finalizer until then: what the collector finds with its owner has no orderly end.
        weakref.finalize(self, _let_go, self._held).atexit = False

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


def _let_go(held: Mapping[asyncio.AbstractEventLoop, tuple[Any, AsyncGenerator[Any]]]) -> None:
    for loop, (_, lifetime) in tuple(held.items()):
        with suppress(RuntimeError):  # the loop is closed, and with it what was open there
            loop.call_soon_threadsafe(_end, loop, lifetime)


_ending: set[asyncio.Task[None]] = set()
"""What is being closed: a loop itself does not keep its tasks alive."""


def _end(loop: asyncio.AbstractEventLoop, lifetime: AsyncGenerator[Any]) -> None:
    task = loop.create_task(_closed(lifetime))
    _ending.add(task)
    task.add_done_callback(_ending.discard)


async def _closed(lifetime: AsyncGenerator[Any]) -> None:
    await lifetime.aclose()


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


async def pieces(
    work: Callable[[Callable[[T], bool]], None], /, *, stop: Callable[[], None], wait: bool = False
) -> AsyncGenerator[T]:
    """Give what blocking work tells from a thread of its own; `tell` returns True once nobody listens any more.

    When it is closed before its end, `stop` is called, from this thread, to end the work early; with
    `wait` it is then waited for.
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[tuple[T] | None] = asyncio.Queue()
    over, job = threading.Event(), Future[None]()

    def tell(piece: tuple[T] | None) -> bool:
        try:
            loop.call_soon_threadsafe(told.put_nowait, piece)
        except RuntimeError:  # The loop was closed over our head: nobody listens any more.
            over.set()
        return over.is_set()

    def run() -> None:
        try:
            work(lambda piece: tell((piece,)))
            job.set_result(None)
        except BaseException as error:  # noqa: BLE001  # it is raised below, where somebody waits for it
            job.set_exception(error)
        tell(None)

    threading.Thread(target=run, daemon=True, name="codeling-model").start()
    try:
        while (piece := await told.get()) is not None:
            yield piece[0]
        job.result()
    finally:
        over.set()
        if not job.done():
            stop()
            if wait:
                await settled(job)


async def settled(job: asyncio.Future[Any] | Future[Any]) -> None:
    """Wait until a thread's work has come to its end, whatever it is."""
    future = asyncio.wrap_future(job) if isinstance(job, Future) else job
    await asyncio.wait([future])
    if not future.cancelled():
        future.exception()


def warmed(parameters: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """Give a model's own parameters, the request's temperature in place of one that was set.

    A model whose temperature nobody has set has chance in its replies already, or refuses the parameter.
    """
    if request.temperature is None or parameters.get("temperature") is None:
        return dict(parameters)
    return {**parameters, "temperature": request.temperature}
