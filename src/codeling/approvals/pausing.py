"""What happens to a program's other calls when one of them, or somebody, ends the run.

A call that waits for a person, or that a limit refuses, ends the run, but the calls beside it are under
way and may have acted: they come to their ends, and are recorded, first. And the program cannot
swallow such an end: not by catching it, for it never sees it, and not by ending before it. Where the run
is interrupted its calls are too, and the runs below it are recorded as interrupted before it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Protocol, TypeVar

from ..errors import EndsRun
from ..lookup import load
from ..messages import ToolCall

__all__ = ("Gate",)

QUIET = 0.25
"""Seconds without a new call or the end of one, after which the program is taken to be waiting."""
MOST_QUIET = 5.0
"""Seconds after which the run ends, whatever else the program still calls, or however slowly its calls stop."""

_GLANCE = 0.01
T = TypeVar("T")


class Calls(Protocol):
    """What makes calls: the broker."""

    async def __call__(self, call: ToolCall, /) -> Any:
        """Make one call."""
        ...

    def anywhere(self, name: str, /) -> bool:
        """Whether calls of a tool may be made in any thread."""
        ...


class Gate:
    """Takes one program's calls, and holds back what ends the run until the other calls are done."""

    def __init__(self, calls: Calls) -> None:
        self._calls, self.anywhere = calls, calls.anywhere
        self._under_way: dict[str, str] = {}
        """The names of the tools, by the calls' ids."""
        self._count = 0
        """Changes with every call that begins."""
        self._ending: EndsRun | None = None

    async def __call__(self, call: ToolCall) -> Any:
        """Make one call."""
        self._under_way[call.id] = call.name
        self._count += 1
        try:
            return await self._calls(call)
        except EndsRun as error:
            self._ending = self._ending or error
        finally:
            self._under_way.pop(call.id, None)
        await load("codeling.sync.threads:on_loop")()
        await self._quiet()
        raise self._ending

    async def _quiet(self) -> None:
        seen, waited = -1, 0.0
        while self._under_way or (seen != self._count and waited < MOST_QUIET):
            seen = self._count
            await asyncio.sleep(QUIET)
            waited += QUIET

    async def through(self, program: Awaitable[T]) -> T:
        """See the program through, and give what became of it.

        Raises what ended the run, also where the program came to its end before it was told.
        """
        try:
            outcome = await program
        except asyncio.CancelledError:
            await self._stopped()
            raise
        if self._ending:
            raise self._ending
        return outcome

    async def _stopped(self) -> None:
        """Wait for calls that were cancelled with the program: a run below has its end to record."""
        waited = 0.0
        while self._cancelled() and waited < MOST_QUIET:
            await asyncio.sleep(_GLANCE)
            waited += _GLANCE

    def _cancelled(self) -> bool:
        """Whether calls are under way that end when they are cancelled: not those in a thread of their own."""
        return any(not self.anywhere(name) for name in self._under_way.copy().values())
