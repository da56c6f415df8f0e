"""Takes work off the run's way: what happened waits in a queue, and a thread looks at it in batches.

A run only appends to the queue. Nobody wakes the thread for that while it works: it looks again by
itself many times a second, does what it finds at once, and lets the run go on in between. Where
nothing has come for a while it waits to be woken, and in the end it goes.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Any

__all__ = ("Later",)

logger = logging.getLogger(__name__)

_QUIET = 5
"""After so many looks that found nothing, the thread waits to be woken."""
_FAREWELL = 5.0
"""Seconds after which a thread that nobody woke ends."""
_STRETCH = 0.001
"""Seconds of work after which whoever else waits for the interpreter gets it."""
_REST = 0.0001
"""Seconds that it takes for another thread to be awake: a shorter rest would give the interpreter to nobody."""
_AT_EXIT = 3.0


class Later:
    """A queue, and the thread that does `work` with each item in its order; what `work` raises is logged.

    `after` is called when a batch is done. While a run goes on, the thread looks again `every` so many
    seconds: fewer batches cost less. Past `most` items waiting, new ones are left out; `lost` counts them.
    """

    def __init__(
        self, work: Callable[[Any], object], *, after: Callable[[], object] | None = None, most: int = 100_000,
        every: float = 0.05,
    ) -> None:  # fmt: skip
        self._work, self._after, self._most, self._every = work, after, most, every
        self._items: deque[Any] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._rests = True
        """Whether the thread has to be woken, or made."""
        self._awaited = 0
        """How many wait for the queue to be empty."""
        self._stuck = False
        """Whether somebody has waited in vain since the thread last caught up."""
        self.lost = 0

    @property
    def waiting(self) -> int:
        """How many items nobody has looked at yet."""
        return len(self._items)

    def __call__(self, item: Any) -> None:
        """Put an item into the queue."""
        if len(self._items) >= self._most:
            self.lose()
            return
        self._items.append(item)
        if self._rests:
            self._rouse()

    def lose(self) -> None:
        """Count an item that is left out."""
        with self._lock:
            self.lost += 1

    def wait(self, seconds: float, *, again: bool = True) -> bool:
        """Wait until what is in the queue now is done, at most so many seconds; whether it is.

        With `again=False` only if nobody has waited in vain since the thread last caught up: a run says so.
        """
        with self._lock:
            idle = self._thread is None and not self._items
        if idle or threading.current_thread() is self._thread:
            return True
        done = threading.Event()
        self._items.append(done)
        with self._lock:
            self._awaited += 1
            seconds = 0.0 if self._stuck and not again else seconds
        self._rouse()
        found = done.wait(seconds)
        with self._lock:
            self._awaited -= 1
            self._stuck = not found
        return found

    def _rouse(self) -> None:
        with self._lock:
            self._rests = False
            if self._thread is None or not self._thread.is_alive():  # a fork takes no threads along
                self._thread = threading.Thread(target=self._run, name="codeling-later", daemon=True)
                _remember(self)
                self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        looks = 0
        while True:
            if self._items:
                self._batch()
                looks = 0
            self._rests = looks >= _QUIET
            if self._rests and self._items:
                continue  # it came before whoever put it there could see that nobody looks
            woken = self._wake.wait(_FAREWELL if self._rests else self._every)
            self._wake.clear()
            looks = 0 if woken else looks + 1
            if looks > _QUIET and self._ends():
                return

    def _ends(self) -> bool:
        with self._lock:
            if self._items:
                return False
            self._thread = None
            return True

    def _batch(self) -> None:
        since = time.perf_counter()
        while self._items:
            item = self._items.popleft()
            if type(item) is threading.Event:
                self._finish()
                item.set()
                continue
            try:
                self._work(item)
            except Exception:  # foreign code: an observer, an exporter or a value's own repr; it must harm nobody
                logger.exception("what was put off failed: %r with %s", self._work, type(item).__name__)
            if time.perf_counter() - since > _STRETCH and not self._awaited:
                self._finish()
                time.sleep(_REST)
                since = time.perf_counter()
        self._finish()
        self._stuck = False

    def _finish(self) -> None:
        if self._after:
            try:
                self._after()
            except Exception:  # foreign code, as above
                logger.exception("what was put off failed: %r", self._after)


_known: weakref.WeakSet[Later] = weakref.WeakSet()


def _remember(later: Later) -> None:
    _known.add(later)
    _ask_at_exit()


@cache
def _ask_at_exit() -> None:
    atexit.register(_at_exit)


def _at_exit() -> None:
    """Have done what was put off before the interpreter ends, if it can be done soon."""
    for later in list(_known):
        later.wait(_AT_EXIT)
