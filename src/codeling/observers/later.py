"""Does small work off the run's way, in its order, on one thread that starts when there is some."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

__all__ = ("Later",)

logger = logging.getLogger(__name__)

_MOST = 100_000


class Later:
    """A queue of calls and the thread that makes them. Past `_MOST` calls waiting, new ones are left out."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def __call__(self, work: Callable[..., Any], *args: Any) -> None:
        """Have `work` called with these arguments, soon."""
        if self._calls.qsize() < _MOST:
            self._calls.put((work, args))
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, name="codeling-later", daemon=True)
                    self._thread.start()

    def _work(self) -> None:
        while True:
            work, args = self._calls.get()
            try:
                work(*args)
            except Exception:  # foreign code: an exporter or a value's own repr; it must harm nobody
                logger.exception("what was put off failed: %r", work)

    def wait(self, seconds: float) -> bool:
        """Wait until what is in the queue now is done, at most so many seconds; whether it is."""
        if self._thread is None or threading.current_thread() is self._thread:
            return True
        done = threading.Event()
        self(done.set)
        return done.wait(seconds)
