"""Writes a run into one HTML page that can be opened, kept and sent: what a trace is without a server."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path

from ..events import Event, RunFinished, RunStarted
from .page.html import page_of

__all__ = ("TraceFile", "trace_html")


def trace_html(events: Iterable[Event]) -> str:
    """Give the page of a run as HTML. The events of the runs below it, if given too, are shown inside it."""
    return page_of(events)


class TraceFile:
    """Writes the page of each run to `path` when the run ends; a path with `{run_id}` in it gives a file a run.

    A run is kept in memory until its end. A run that is cut off writes nothing: its journal has it, and
    `codeling trace` makes the page of that.
    """

    anywhere = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._roots: dict[str, str] = {}
        """Which run each run stands below, itself where it stands below none."""
        self._events: dict[str, list[Event]] = {}
        self._lock = threading.Lock()

    def __call__(self, event: Event, /) -> None:
        """Take an event in. Raises OSError where the file cannot be written."""
        if event.durable:
            with self._lock:
                self._take(event)

    def _take(self, event: Event) -> None:
        root = self._roots.get(event.run_id)
        if root is None:
            parent = event.parent_id if isinstance(event, RunStarted) else None
            root = self._roots[event.run_id] = self._roots.get(parent or "", event.run_id)
        self._events.setdefault(root, []).append(event)
        if isinstance(event, RunFinished) and event.run_id == root:
            told = self._events.pop(root)
            self._roots = {run: above for run, above in self._roots.items() if above != root}
            self._write(root, trace_html(told))

    def _write(self, run_id: str, page: str) -> None:
        """Replace the file as a whole, so that nobody opens half of it."""
        path = Path(str(self.path).replace("{run_id}", run_id))
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{run_id}")
        unfinished.write_text(page, encoding="utf-8")
        unfinished.replace(path)
