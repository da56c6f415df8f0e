"""Shows runs as they happen, on a terminal or in a log. It reads the stream of events and nothing else."""

from __future__ import annotations

import logging
import threading
from typing import IO

from ..events import ApprovalRequested, Event, ModelDelta, RunFinished, RunStarted, ToolCallStarted
from .later import Later
from .screen import Screen, is_terminal, screen_for
from .watched import Floor, Watched

__all__ = ("TerminalObserver",)

logger = logging.getLogger(__name__)

_MOST_WAITING = 100_000
_PATIENCE = 3.0
"""Seconds that a run waits, at most, for its end or a question to be shown: a terminal can be stopped."""
_AT_ONCE = frozenset((RunFinished, ApprovalRequested))


class TerminalObserver:
    """Writes what runs do to a file, stderr by default.

    On a terminal with rich installed it is in colour and says what is going on; elsewhere it is plain
    lines; `color` decides instead. With `quiet`, only what a person must know: a call that
    waits for approval, and an end that is no success. With `answer=False` the answer, or the reason
    why there is none, is left to whoever started the run. With `live=False` nothing moves: for runs
    that are over.
    """

    anywhere = True

    def __init__(
        self, file: IO[str] | None = None, *, quiet: bool = False, color: bool | None = None, answer: bool = True,
        live: bool = True,
    ) -> None:  # fmt: skip
        self._file, self._color, self._live = file, color, live
        self._quiet, self._answer = quiet, answer
        self._lock = threading.Lock()
        self._floor = Floor()
        self._runs = self._floor.runs
        self._screen: Screen | None = screen_for(file, color, live=live) if color else None
        self._later = Later(self._see, after=self._flush, most=_MOST_WAITING)

    def __call__(self, event: Event, /) -> None:
        """Have an event shown soon; never raises, and what cannot be written is lost.

        It is shown before this returns where somebody else may write to the terminal next: whoever started
        the run, the person who is asked, and on a terminal a tool.
        """
        kind = type(event)
        if kind is ModelDelta and self._screen and not self._screen.live:
            return
        if not event.durable and self._later.waiting > _MOST_WAITING // 2:
            self._later.lose()
            return
        self._later(event)
        if kind in _AT_ONCE or (kind is ToolCallStarted and is_terminal(self._file)):
            self._later.wait(_PATIENCE, again=False)

    def close(self) -> None:
        """Leave the terminal as it was found, also in the middle of a run, unless it takes nothing."""
        self._later.wait(_PATIENCE)
        if self._lock.acquire(timeout=_PATIENCE):
            try:
                if self._screen:
                    self._screen.close()
            finally:
                self._lock.release()

    def _see(self, event: Event) -> None:
        with self._lock:
            try:
                self._screen = self._screen or screen_for(self._file, self._color, live=self._live)
                run = self._watched(event, self._screen)
                if self._quiet:
                    run.note(event)
                else:
                    run.show(event)
            except Exception:  # foreign code: rich and values' own __repr__; no run may suffer for being watched
                logger.debug("an event could not be shown: %s", type(event).__name__, exc_info=True)

    def _flush(self) -> None:
        with self._lock:
            try:
                if self._screen:
                    self._screen.flush()
            except Exception:  # foreign code: the file may be anything that has `write`
                logger.debug("what was to be shown could not be written", exc_info=True)

    def _watched(self, event: Event, screen: Screen) -> Watched:
        run = self._runs.get(event.run_id)
        if run is None:
            parent = self._runs.get(event.parent_id or "") if isinstance(event, RunStarted) else None
            run = self._runs[event.run_id] = Watched(
                id=event.run_id, floor=self._floor, screen=screen, depth=parent.depth + 1 if parent else 0,
                answer=self._answer,
            )  # fmt: skip
        if isinstance(event, RunFinished):
            del self._runs[event.run_id]
        return run
