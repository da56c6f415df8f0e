"""Tasks that take their first step at once: a quick call then needs no further turn of the loop.

Python can do that since 3.12. On 3.11 the task is made as ever, its first step is taken here with the task
as the current one, and what that step gave is handed over when the task has its first turn.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Coroutine
from types import TracebackType
from typing import Any

__all__ = ("start",)


def start(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None], context: contextvars.Context
) -> asyncio.Task[None]:
    """Start a task of the loop that is running, in a copy of the context."""
    context = context.copy()
    if sys.version_info >= (3, 12):
        return asyncio.Task(work, loop=loop, context=context, eager_start=True)
    begun = _Begun(work)
    task = asyncio.Task(begun, loop=loop, context=context)
    around = asyncio.current_task(loop)
    if around is not None:
        asyncio.tasks._leave_task(loop, around)
    asyncio.tasks._enter_task(loop, task)
    try:
        context.run(begun.begin)
    finally:
        asyncio.tasks._leave_task(loop, task)
        if around is not None:
            asyncio.tasks._enter_task(loop, around)
    return task


class _Begun(Coroutine[Any, Any, None]):
    """A coroutine that is a step ahead of its task."""

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self._work = work
        self._ahead, self._waits_for = True, None
        self._ended: BaseException | None = None

    def begin(self) -> None:
        """Take the first step."""
        try:
            self._waits_for = self._work.send(None)
        except StopIteration as ended:  # without its frames, which hold this: all would stay until the next collection
            self._ended = ended.with_traceback(None)
        except BaseException as ended:  # noqa: BLE001  # handed to the task, which knows what to do
            self._ended = ended

    def send(self, value: Any, /) -> Any:
        """Take the next step, or give what the first one gave."""
        if not self._ahead:
            return self._work.send(value)
        self._ahead = False
        ended, self._ended = self._ended, None
        try:
            if ended is not None:
                raise ended
        finally:
            del ended
        return self._waits_for

    def throw(self, kind: Any, value: Any = None, traceback: TracebackType | None = None, /) -> Any:
        """Raise an error in the coroutine, such as that its task is cancelled."""
        if not self._ahead:
            return self._work.throw(kind) if value is None else self._work.throw(kind, value, traceback)
        given = self.send(None)
        if given is not None and given.cancel():  # as the task would have done, had it been there already
            return given
        return self._work.throw(kind)

    def close(self) -> None:
        """End the coroutine."""
        self._work.close()

    def __await__(self) -> Any:
        raise NotImplementedError("it is a task's, and awaited there")
