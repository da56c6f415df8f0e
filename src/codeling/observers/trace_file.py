"""Writes a run into one HTML page that can be opened, kept and sent: what a trace is without a server."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..events import Event, RunFinished, RunStarted
from .later import Later
from .page.html import page_of, page_with
from .page.story import Story

__all__ = ("TraceFile", "trace_html")

_PATIENCE = 30.0
"""Seconds that the end of a run waits, at most, for the file to be there."""
_MOST_WAITING = 1_000_000


def trace_html(events: Iterable[Event]) -> str:
    """Give the page of a run as HTML. The events of the runs below it, if given too, are shown inside it."""
    return page_of(events)


class TraceFile:
    """Writes the page of each run to `path` when the run ends; a path with `{run_id}` in it gives a file a run.

    What the page says of a run is made while it goes on, on a thread beside it, and kept in memory until its
    end. A run that is cut off writes nothing: its journal has it, and `codeling trace` makes the page of that.
    """

    anywhere = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._roots: dict[str, str] = {}
        """Which run each run stands below, itself where it stands below none."""
        self._stories: dict[str, Story] = {}
        self._later = Later(self._take, most=_MOST_WAITING, every=0.5)

    def __call__(self, event: Event, /) -> None:
        """Take an event in; with the last one, the file is there. One that cannot be written is logged."""
        if event.durable:
            self._later(event)
            if isinstance(event, RunFinished):
                self._later.wait(_PATIENCE, again=False)

    def _take(self, event: Event) -> None:
        root = self._roots.get(event.run_id)
        if root is None:
            parent = event.parent_id if isinstance(event, RunStarted) else None
            root = self._roots[event.run_id] = self._roots.get(parent or "", event.run_id)
            if root == event.run_id:
                self._stories[root] = Story()
        self._stories[root].add(event)
        if isinstance(event, RunFinished) and event.run_id == root:
            story = self._stories.pop(root)
            self._roots = {run: above for run, above in self._roots.items() if above != root}
            self._write(root, page_with(story))

    def _write(self, run_id: str, page: str) -> None:
        """Replace the file as a whole, so that nobody opens half of it."""
        path = Path(str(self.path).replace("{run_id}", run_id))
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{run_id}")
        unfinished.write_text(page, encoding="utf-8")
        unfinished.replace(path)
