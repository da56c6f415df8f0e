"""Threads for what blocks, such as tools that are not async."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import types
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

__all__ = ("in_thread", "on_loop", "pool")

_MOST = 256


@cache
def pool() -> ThreadPoolExecutor:
    """A pool of our own: asyncio's has as few as five threads, and slow tools would queue for them."""
    return ThreadPoolExecutor(_MOST, thread_name_prefix="codeling-tool")


async def in_thread(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function that may block, without blocking the loop. An awaitable that it gives is awaited there."""
    if asyncio._get_running_loop() is None:  # a session drives this coroutine in a thread already
        value = function(*args, **kwargs)
    else:
        call = partial(contextvars.copy_context().run, function, *args, **kwargs)
        value = await asyncio.get_running_loop().run_in_executor(pool(), call)
    if not inspect.isawaitable(value):
        return value
    await on_loop()
    return await value


@types.coroutine
def on_loop() -> Generator[None, None, None]:
    """Come to the loop, where a session drives this coroutine in a thread; on a loop this does nothing much."""
    if asyncio._get_running_loop() is None:
        yield  # the session hands the coroutine to a task of its loop
