"""The sync door: one implementation, async, reached from plain code and from notebooks.

All sync calls of a process share one event loop in one background thread, so that clients and
sandboxes opened by one call serve the next.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from ..errors import UsageError
from ..events import Event
from ..protocols import Observer

__all__ = ("events", "iterate", "stream", "wait")

T = TypeVar("T")

CLEAN_UP = 10.0
"""Seconds that an interrupted call gets to stop its program and record its end."""


_loops: dict[int, asyncio.AbstractEventLoop] = {}


def _loop(process: int) -> asyncio.AbstractEventLoop:
    """The background loop of this process, the same for threads that ask at once; a forked child gets its own."""
    if found := _loops.get(process):
        return found
    made = asyncio.new_event_loop()
    loop = _loops.setdefault(process, made)
    if loop is made:
        threading.Thread(target=_serve, args=(loop,), name="codeling", daemon=True).start()
    else:
        made.close()
    return loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop for ever. `sys.exit()` in a callback leaves it, and ends the run that called it: no other."""
    while True:
        with suppress(SystemExit, KeyboardInterrupt):  # the task has it, and whoever waits for the task
            loop.run_forever()


def wait(work: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine to its end from sync code. Ctrl-C cancels it and waits until it has cleaned up.

    Raises `UsageError` when called from the background loop itself.
    """
    loop = _loop(os.getpid())
    try:
        inside = asyncio.get_running_loop() is loop
    except RuntimeError:
        inside = False
    if inside:
        work.close()
        raise UsageError("an async tool or callback must use `await agent.arun(…)`, not `agent.run(…)`")
    over = threading.Event()
    future = asyncio.run_coroutine_threadsafe(_signalling(work, over), loop)
    try:
        return future.result()
    except KeyboardInterrupt:
        future.cancel()
        over.wait(CLEAN_UP)
        raise


async def _signalling(work: Coroutine[Any, Any, T], over: threading.Event) -> T:
    try:
        return await work
    finally:
        over.set()


def iterate(items: AsyncIterator[T]) -> Iterator[T]:
    """Give the items of an async iterator to sync code."""
    end = object()

    async def step() -> Any:
        return await anext(items, end)

    try:
        while (item := wait(step())) is not end:
            yield item
    finally:
        if close := getattr(items, "aclose", None):
            wait(close())


def events(agent: Any, task: str, **options: Any) -> AsyncIterator[Event]:
    """Work on a task and give the run's events; takes what `Agent.arun` takes."""
    watching = (*options.pop("observers", ()),)
    options["return_full_result"] = True
    return stream(lambda seen: agent.arun(task, observers=(*watching, seen), **options))


async def stream(work: Callable[[Observer], Coroutine[Any, Any, Any]]) -> AsyncIterator[Event]:
    """Give the events of a run as they happen; `work` takes the observer that sees them.

    Closing the iterator ends the run. What ends the run badly is raised after its last event.
    """
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[Event | None]()

    def seen(event: Event, /) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, event)  # a nested run may be on another loop

    task = loop.create_task(work(seen))
    task.add_done_callback(lambda _: loop.call_soon(queue.put_nowait, None))
    try:
        while (event := await queue.get()) is not None:
            yield event
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
