"""A journal that lives as long as its process: for tests, and for forks within one program."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator

from ..events import Event
from ..messages import ToolCall
from .codec import Texts

__all__ = ("MemoryJournal",)


class MemoryJournal:
    """Keeps runs in this process, as the same data that a file would hold."""

    def __init__(self) -> None:
        self._texts = Texts()
        self._runs: defaultdict[str, list[str]] = defaultdict(list)

    async def append(self, event: Event, /) -> None:
        """Keep the event."""
        self._runs[event.run_id].append(self._texts.text(event))

    async def read(self, run_id: str, /) -> AsyncIterator[Event]:
        """Give a run's events in their order."""
        for text in list(self._runs.get(run_id, ())):
            yield self._texts.event(text)

    def key(self, call: ToolCall, /) -> str:
        """Give a text that is the same for equal calls."""
        return self._texts.key(call)
