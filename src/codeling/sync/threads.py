"""Threads for what blocks, such as tools that are not async."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
import types
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache, partial, wraps
from itertools import islice
from queue import SimpleQueue
from typing import Any

__all__ = ("aside", "awaited", "called", "in_thread", "on_loop", "pool", "starters", "undertaker")

_MOST = 256
_MOST_ITEMS = 1_000_000
_DATA = frozenset((type(None), bool, int, float, str, bytes, list, tuple, dict))
"""Nothing of these can be awaited, which is dear to find out."""
_VIEWS: tuple[Any, ...] = ({}.keys(), {}.values(), {}.items())
_LAZY: tuple[type, ...] = (
    types.GeneratorType,
    map,
    filter,
    zip,
    enumerate,
    reversed,
    deque,
    *(type(view) for view in _VIEWS),
)


@cache
def pool() -> ThreadPoolExecutor:
    """A pool of our own: asyncio's has as few as five threads, and slow tools would queue for them."""
    return ThreadPoolExecutor(_MOST, thread_name_prefix="codeling-tool")


@cache
def undertaker() -> SimpleQueue[Callable[[], object]]:
    """A queue of work that a thread of its own does, whatever it raises.

    Destructors put what may take time or locks there: they run anywhere, also in a thread that holds
    such a lock, and putting takes none. Ask for it before, for starting a thread takes some.
    """
    queue: SimpleQueue[Callable[[], object]] = SimpleQueue()

    def work() -> None:
        while True:
            with suppress(Exception):  # what was dropped has nobody left to tell
                queue.get()()

    threading.Thread(target=work, name="codeling-undertaker", daemon=True).start()
    return queue


@cache
def starters() -> ThreadPoolExecutor:
    """A few threads for starts that come one after the other anyway: a thousand at once would leave tools no thread."""
    return ThreadPoolExecutor(4, thread_name_prefix="codeling-start")


async def in_thread(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function that may block, without blocking the loop. An awaitable that it gives is awaited there."""
    if asyncio._get_running_loop() is None:  # a session drives this coroutine in a thread already
        value = function(*args, **kwargs)
    else:
        call = partial(contextvars.copy_context().run, function, *args, **kwargs)
        value = await asyncio.get_running_loop().run_in_executor(pool(), call)
    if type(value) in _DATA or not inspect.isawaitable(value):
        return value
    await on_loop()
    return await value


def aside(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """Give a user's function as an async one of the same signature; what is not async runs in a thread of its own.

    It may wait for a person or another run, so it must not stop the loop. The thread is a daemon: the end of
    the process does not wait for an answer that nobody wants any more.
    """
    if inspect.iscoroutinefunction(function):
        return function

    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        job, context = Future[Any](), contextvars.copy_context()

        def work() -> None:
            job.set_running_or_notify_cancel()
            try:
                job.set_result(context.run(function, *args, **kwargs))
            except BaseException as error:  # noqa: BLE001  # it is raised where somebody waits for it
                job.set_exception(error)

        threading.Thread(target=work, name="codeling-aside", daemon=True).start()
        value = await asyncio.wrap_future(job)
        return await value if inspect.isawaitable(value) else value

    return call


@types.coroutine
def on_loop() -> Generator[None, None, None]:
    """Come to the loop, where a session drives this coroutine in a thread; on a loop this does nothing much."""
    if asyncio._get_running_loop() is None:
        yield  # the session hands the coroutine to a task of its loop


async def called(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a tool that may block. What it gives item by item is given as a list: only data crosses to programs.

    Raises ValueError for a generator that does not end.
    """
    with _contained():
        value = await in_thread(_call, function, args, kwargs)
        if isinstance(value, types.AsyncGeneratorType):
            await on_loop()
            items = []
            async for item in value:
                items.append(item)
                _bound(items)
            return items
        return value


async def awaited(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a tool that is async."""
    with _contained():
        return await function(*args, **kwargs)


@contextmanager
def _contained() -> Iterator[None]:
    """Have what is no `Exception` end this call only: `sys.exit`, as command lines call it, or a cancelled task."""
    try:
        yield
    except (Exception, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError) and _stopped():
            raise
        raise RuntimeError(f"{type(error).__name__}: {error}".removesuffix(": ")) from error


def _stopped() -> bool:
    """Whether it is we who are cancelled here, and not something that a tool has waited for."""
    task = asyncio.current_task() if asyncio._get_running_loop() else None
    return task is not None and task.cancelling() > 0


def _call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    value = function(*args, **kwargs)
    lazy = isinstance(value, _LAZY)
    return _bound(list(islice(value, _MOST_ITEMS + 1))) if lazy else value


def _bound(items: list[Any]) -> list[Any]:
    if len(items) > _MOST_ITEMS:
        raise ValueError(f"the tool gave more than {_MOST_ITEMS:,} items; it has to end sooner")
    return items
