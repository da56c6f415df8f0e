"""Takes a slow observer out of the run's way: events wait in a queue, and a thread shows them to it."""

from __future__ import annotations

import logging
import queue
import threading

from ..events import Event
from ..protocols import Observer

__all__ = ("Queued",)

logger = logging.getLogger(__name__)


class Queued:
    """Calls `observer` from a thread of its own, with every event in its order, and never holds a run up.

    Where it falls behind by half of `most` events, pieces of replies and of output are left out; by all
    of `most`, whole events are, and `lost` counts them. `close` waits for what is still in the queue.
    An observer that has to be called where the event happens, such as `OpenTelemetryObserver`, does not
    belong in here.
    """

    anywhere = True

    def __init__(self, observer: Observer, *, most: int = 10_000) -> None:
        self._observer, self._most = observer, most
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self.lost = 0
        """How many events were left out because the observer was too slow."""

    def __call__(self, event: Event, /) -> None:
        """Put the event into the queue."""
        waiting = self._events.qsize()
        if waiting >= self._most or (not event.durable and waiting >= self._most // 2):
            with self._lock:
                self.lost += 1
            return
        self._events.put(event)
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="codeling-observer", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while (event := self._events.get()) is not None:
            try:
                self._observer(event)
            except Exception:  # foreign code: what an observer does wrong must harm nobody
                logger.exception("observer %r failed on %s", self._observer, type(event).__name__)

    def close(self, seconds: float = 10.0) -> bool:
        """Wait until the observer has seen everything, at most so many seconds; whether it has."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is None:
            return True
        self._events.put(None)
        thread.join(seconds)
        if self.lost:
            logger.warning("observer %r was too slow for %d events", self._observer, self.lost)
        return not thread.is_alive()
