"""One process at a time: whoever works on a stored run holds it, so that no second one can resume it.

A hold is the operating system's or the database's own lock: it ends with the process, however that ends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, runtime_checkable

from ..errors import JournalError

__all__ = ("Holds", "held", "perform")


@runtime_checkable
class Holds(Protocol):
    """A journal whose runs can be held. One that cannot trusts its users."""

    def hold(self, run_id: str, /) -> AbstractAsyncContextManager[bool]:
        """Hold a run while the context lasts. Gives False where somebody else holds it."""
        ...


@asynccontextmanager
async def held(journal: Any, run_id: str) -> AsyncIterator[None]:
    """Hold a run of a journal. Raises `JournalError` where it is under way elsewhere."""
    if not isinstance(journal, Holds):
        yield
        return
    async with journal.hold(run_id) as free:
        if not free:
            raise JournalError(
                f"run {run_id!r} is under way already, here or in another process; wait for its end, or interrupt it"
            )
        yield


async def perform(agent: Any, run: Any, memory: Any, started: Any) -> Any:
    """See a new run with a journal through to its end, and hold it meanwhile."""
    async with held(run.journal, run.id):
        async for event in run.journal.read(run.id):
            raise JournalError(f"the journal has a run {run.id!r}, begun with {event.task[:80]!r}; resume it instead")
        return await agent._perform(run, memory, started)
