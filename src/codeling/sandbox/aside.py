"""The wire in the hands of a thread, for as long as quick calls come one at a time.

A tool that is a plain function may not run on the event loop, and sending each call to a thread and its
value back costs more than all the rest of a call. So the thread that runs such a tool goes on to read the
wire for the next call. It gives the wire back to the loop when anything else arrives or nothing does; and
the loop takes it back when a tool takes its time, so that calls made meanwhile still run at once.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from ..errors import WireBroken
from ..lookup import load
from ..messages import ToolCall
from .calls import Calls, Came
from .frames import Buffer
from .inside.patience import Patience
from .line import Line

__all__ = ("Aside",)

MOST = 64
"""Threads that read at one time, of all sessions; further ones are served by their loops."""
_PATIENCE = 20
"""Milliseconds that a thread waits for the next call."""
_FIRST, _LATER = 0.001, 0.005
"""Seconds after which the loop looks whether a tool takes its time."""


class Aside:
    """One turn of a thread at the wire."""

    _lock: ClassVar = threading.Lock()
    _count: ClassVar = 0

    def __init__(
        self, line: Line, buffer: Buffer, calls: Calls, *, back: Callable[[Sequence[Came]], None],
        fail: Callable[[BaseException], None],
    ) -> None:  # fmt: skip
        self._line, self._buffer, self._calls = line, buffer, calls
        self._reader = os.dup(line.reader)  # closed here: this may outlive the line
        self._back, self._fail = back, fail
        self._loop = asyncio.get_running_loop()
        self._busy: list[bool] = []
        """Holds one thing while a tool runs. Whoever takes it out, this thread or the loop, reads the wire next."""
        self.over, self._served = False, 0

    @classmethod
    def possible(cls) -> bool:
        """Whether there is a thread to spare."""
        return cls._count < MOST

    def begin(self, first: tuple[int, ToolCall] | None) -> None:
        """Hand the wire to a thread, which begins with this call if there is one. Called with no reader on the loop."""
        self._busy += [True] if first else []
        with Aside._lock:
            Aside._count += 1
        self._loop.call_later(_FIRST, self._look, 0)
        load("codeling.sync.threads:pool")().submit(self._run, first)

    def end(self) -> None:
        """Have the thread leave the wire alone from now on."""
        self.over = True

    def _look(self, served: int) -> None:
        """On the loop, now and then: take the wire back where one call has lasted since the last look."""
        if self.over:
            return
        if self._served == served and self._take():
            self.over = True
            self._back(())
        else:
            self._loop.call_later(_LATER, self._look, self._served)

    def _take(self) -> bool:
        """End the time in a tool. False where the other side has done so before."""
        try:
            return self._busy.pop()
        except IndexError:
            return False

    def _run(self, found: tuple[int, ToolCall] | None) -> None:
        patience = Patience(self._reader)
        try:
            found = found or self._next(patience)
            while found:
                ended = self._calls.drive(*found)
                self._served += 1
                if not self._take():
                    return
                if not ended:
                    self._give()
                found = self._next(patience) if ended else None
        except BaseException as error:  # noqa: BLE001  # the run waits for this thread: it must hear of whatever happens
            self._fail(error)
        finally:
            os.close(self._reader)
            with Aside._lock:
                Aside._count -= 1

    def _next(self, patience: Patience) -> tuple[int, ToolCall] | None:
        """Wait for the next call that can be made here; whatever else comes goes to the loop, with the wire."""
        came: list[Mapping[str, Any]] = []
        while not self.over:
            wait = patience.wait if Aside._count == 1 else patience.sleep  # several would take turns at being awake
            if self._line.waiting or not wait(_PATIENCE):
                break
            chunk = os.read(self._reader, 1 << 16)
            if not chunk:
                raise WireBroken("its process ended")
            came = list(self._buffer.feed(chunk))
            if not came:
                continue
            frame = came[-1]
            if len(came) > 1 or self._buffer or frame["t"] != "call" or not self._calls.quick(frame["name"]):
                break
            found = self._calls.read(frame)
            self._busy.append(True)
            return found
        self._give(came)
        return None

    def _give(self, came: Sequence[Mapping[str, Any]] = ()) -> None:
        """Give the wire back to the loop, with the frames that it has to see to, their values read already."""
        ready = [(frame, self._calls.prepare(frame)) for frame in came]
        self.over = True
        self._loop.call_soon_threadsafe(self._back, ready)
