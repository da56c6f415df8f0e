"""Takes a slow observer out of the run's way: events wait in a queue, and a thread shows them to it."""

from __future__ import annotations

import logging

from ..events import Event
from ..protocols import Observer
from .later import Later

__all__ = ("Queued",)

logger = logging.getLogger(__name__)


class Queued:
    """Calls `observer` from a thread of its own, with every event in its order, and never holds a run up.

    Where it falls behind by half of `most` events, pieces of replies and of output are left out; by all
    of `most`, whole events are, and `lost` counts them. `close` waits for what is still in the queue.
    An observer that has to be called where the event happens, such as `OpenTelemetryObserver`, does not
    belong in here; nor do `TerminalObserver` and `TraceFile` need it, for they do the like by themselves.
    """

    anywhere = True

    def __init__(self, observer: Observer, *, most: int = 10_000) -> None:
        self._observer, self._half = observer, most // 2
        self._later = Later(observer, most=most)

    @property
    def lost(self) -> int:
        """How many events were left out because the observer was too slow."""
        return self._later.lost

    def __call__(self, event: Event, /) -> None:
        """Put the event into the queue."""
        if not event.durable and self._later.waiting >= self._half:
            self._later.lose()
        else:
            self._later(event)

    def close(self, seconds: float = 10.0) -> bool:
        """Wait until the observer has seen everything, at most so many seconds; whether it has."""
        seen = self._later.wait(seconds)
        if self.lost:
            logger.warning("observer %r was too slow for %d events", self._observer, self.lost)
        return seen
