"""What happens to a program's other calls when one of them ends the run.

A call that waits for a person, or that a limit refuses, ends the run, but the calls beside it are under
way and may have acted: they come to their ends, and are recorded, first. And the program cannot
swallow such an end: not by catching it, for it never sees it, and not by ending before it.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from ..errors import EndsRun
from ..lookup import load
from ..messages import ToolCall

__all__ = ("Gate",)

QUIET = 0.25
"""Seconds without a new call or the end of one, after which the program is taken to be waiting."""
MOST_QUIET = 5.0
"""Seconds after which the run ends, whatever else the program still calls."""


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
        self._under_way: set[str] = set()
        self._count = 0
        """Changes with every call that begins."""
        self._ending: EndsRun | None = None

    async def __call__(self, call: ToolCall) -> Any:
        """Make one call."""
        self._under_way.add(call.id)
        self._count += 1
        try:
            return await self._calls(call)
        except EndsRun as error:
            self._ending = self._ending or error
        finally:
            self._under_way.discard(call.id)
        await load("codeling.sync.threads:on_loop")()
        await self._quiet()
        raise self._ending

    async def _quiet(self) -> None:
        seen, waited = -1, 0.0
        while self._under_way or (seen != self._count and waited < MOST_QUIET):
            seen = self._count
            await asyncio.sleep(QUIET)
            waited += QUIET

    def check(self) -> None:
        """Raise what ended the run, where the program came to its end before it was told."""
        if self._ending:
            raise self._ending
