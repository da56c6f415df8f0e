"""A worker behind the wall, seen from the host: it can be interrupted, ended, and asked why it ended."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from contextlib import suppress

from . import folders
from .cgroups import Group
from .watchdog import Quota, Watchdog, computed

__all__ = ("WATCHDOG", "SealedWorker")

WATCHDOG = Watchdog()
INSIDE = "/workdir"
"""Where a worker with a root of its own finds its private folder."""


class SealedWorker:
    """A worker behind the wall, as `session.Connection` says, held by its pidfd: process ids are used again."""

    listens = True
    """From its first moment: there is nothing between its stream and it."""

    def __init__(
        self, *, pid: int, handle: int, wire: int, isolation: str, workdir: str | None,
        ended: Callable[[int], str | None], endings: tuple[Callable[[SealedWorker], None], ...] = (),
        group: Group | None = None,
    ) -> None:  # fmt: skip
        """Take over both descriptors. `ended` says how it ended; `endings` are called before it is killed."""
        self.pid, self._handle, self._workdir = pid, handle, workdir
        self.reader = self.writer = wire  # a descriptor: whoever drops a session need not close it
        self.isolation = isolation
        self.folder = workdir or INSIDE
        self.hang_up: Callable[[], None] = _nothing
        """Ends what serves its network, where it has one."""
        self._ended, self._endings, self._group = ended, endings, group
        self._quota: Quota | None = None
        self._why: str | None = None
        self._lock = threading.Lock()
        self._closed = False

    def watch(self, quota: Quota) -> None:
        """Have the watchdog hold it to this."""
        self._quota = quota
        WATCHDOG.watch(quota)

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the program."""
        self.signal(signal.SIGINT)

    def kill(self) -> None:
        """End the worker and all in its namespaces, and remove what it left."""
        self._end()

    def _end(self) -> bool:
        """End it. False where it had been ended before."""
        with self._lock:
            if self._closed:
                return False
            self._closed = True
        ended = self.is_over()
        try:
            for ending in self._endings:
                ending(self)
        finally:  # whatever comes between, such as a person's interrupt, no worker outlives this
            self._finish(ended)
        return True

    def _finish(self, ended: bool) -> None:
        self.signal(signal.SIGKILL)
        if self._quota:
            WATCHDOG.forget(self._quota)
        over = _is_over(self._handle, 2000)
        excess = self._group.end() if self._group else None
        self._why = self._why or excess or (self._ended(self.pid) if over and ended else None)
        os.close(self._handle)
        os.close(self.reader)
        if self._workdir:
            folders.remove(self._workdir)

    def is_over(self) -> bool:
        """Whether its process has ended; its number may be another's then."""
        return _is_over(self._handle, 0)

    def trouble(self) -> str | None:
        """Why it ended, where that is known."""
        return self._why

    def computed(self) -> float:
        """Seconds for which it has used processors."""
        return computed(self.pid)

    def excess(self, why: str) -> None:
        """End it because it took more than it may."""
        self._why = why
        self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Send it a signal. Does nothing when it has ended."""
        with suppress(OSError):
            signal.pidfd_send_signal(self._handle, number)


def _is_over(handle: int, patience: int) -> bool:
    """Whether a process has ended; waits so many milliseconds for it."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(patience))


def _nothing() -> None:
    """End nothing."""
