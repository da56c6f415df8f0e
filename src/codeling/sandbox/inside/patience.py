"""Waiting for the other end of the wire: awake for a moment where that has paid before, asleep otherwise.

To fall asleep and be woken costs both ends more than a quick call does, and the processor comes back with
cold caches. So an end that has had a few quick answers looks for the next one for a moment before it sleeps, and
gives that up for a while, for longer each time, where the answer takes longer: with more work than processors it does.
"""

import os
import select
from time import perf_counter

__all__ = ("PROCESSORS", "Patience")

LOOKS = 500
"""Looks before one falls asleep: some 200 microseconds in all."""
FIRST, FEWEST, MOST = 3, 32, 1024
"""Quick answers for which one sleeps before one first stays awake, and after staying awake for nothing."""
QUICK = 0.0005
"""Seconds that a quick answer takes at most, with falling asleep and being woken."""


def _processors():
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count() or 1


PROCESSORS = _processors()
"""How many this process may use."""
_ALONE = PROCESSORS < 2  # the other end cannot work while this one looks


class Patience:
    """Waits until there is something to read on a descriptor."""

    def __init__(self, descriptor):
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        self._poll, self._asleep, self._again = waiting.poll, FIRST, FEWEST

    def sleep(self, most=None):
        """Wait for what takes its time, at most so many milliseconds. False where nothing came."""
        return bool(self._poll(most))

    def wait(self, most=None):
        """Wait for what may come at once, at most so many milliseconds. False where nothing came."""
        poll = self._poll
        if self._asleep:
            since = perf_counter()
            came = bool(poll(most))
            if came and not _ALONE and perf_counter() - since < QUICK:
                self._asleep -= 1
            return came
        for _ in range(LOOKS):
            if poll(0):
                self._again = FEWEST
                return True
        self._asleep, self._again = self._again, min(2 * self._again, MOST)
        return bool(poll(most))
