"""A journal that lives as long as its process: for tests, and for forks within one program."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..events import Event
from ..messages import ToolCall
from .codec import Texts

__all__ = ("MemoryJournal",)


class MemoryJournal:
    """Keeps runs in this process, as the same data that a file would hold."""

    anywhere = True

    def __init__(self) -> None:
        self._texts = Texts()
        self._runs: defaultdict[str, list[str]] = defaultdict(list)
        self._blobs: dict[str, str] = {}
        self._held: set[str] = set()

    async def append(self, event: Event, /) -> None:
        """Keep the event. Raises `JournalError` for a value that cannot be stored."""
        text, blobs = self._texts.split(event)
        self._blobs.update(blobs)
        self._runs[event.run_id].append(text)

    async def read(self, run_id: str, /) -> AsyncIterator[Event]:
        """Give a run's events in their order."""
        for text in list(self._runs.get(run_id, ())):
            yield self._texts.event(text, self._blobs)

    def key(self, call: ToolCall, /) -> str:
        """Give a text that is the same for equal calls."""
        return self._texts.key(call)

    async def run_ids(self) -> AsyncIterator[str]:
        """Give the runs that the journal holds, newest first."""
        for run_id in reversed(list(self._runs)):
            yield run_id

    @asynccontextmanager
    async def hold(self, run_id: str, /) -> AsyncIterator[bool]:
        """Hold a run while the context lasts. Gives False where somebody else holds it."""
        free = run_id not in self._held
        self._held.add(run_id)
        try:
            yield free
        finally:
            if free:
                self._held.discard(run_id)
