"""Threads for what blocks, such as tools that are not async."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

__all__ = ("in_thread",)

_MOST = 256


@cache
def _pool() -> ThreadPoolExecutor:
    """A pool of our own: asyncio's has as few as five threads, and slow tools would queue for them."""
    return ThreadPoolExecutor(_MOST, thread_name_prefix="codeling-tool")


async def in_thread(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function that may block, without blocking the loop."""
    call = partial(contextvars.copy_context().run, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_pool(), call)
