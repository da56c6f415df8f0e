"""A started worker's two streams: what an executor gives, and how bytes go out on it from any thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import UsageError, WireBroken

__all__ = ("Connection", "Line", "SessionLimits")


class Connection(Protocol):
    """A started worker: two streams of bytes, and ways to stop it."""

    reader: int
    """A non-blocking descriptor that frames are read from."""
    writer: int
    """A non-blocking descriptor that frames are written to; may be the same."""
    isolation: str

    def interrupt(self) -> Mapping[str, Any] | None:
        """Raise KeyboardInterrupt in the program, or give the frame that does. Must not raise when it is gone."""
        ...

    def kill(self) -> None:
        """End the worker and all that it started, close the descriptors, remove its folder. Idempotent."""
        ...

    def trouble(self) -> str | None:
        """After the stream ended: why, where it is known."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """What one program may take."""

    timeout: float = 30.0
    """Seconds of the program's own running; waiting for tools is not counted."""
    grace: float = 1.0
    """Seconds that an interrupted program gets before it is killed with its variables."""
    output: int = 1 << 20
    """Bytes of output that cross the wire; the program keeps the rest."""
    start: float = 60.0
    """Seconds that the worker may take to start."""

    def __post_init__(self) -> None:
        """Raise `UsageError` for a limit that no program could keep."""
        if not _positive(self.timeout):
            raise UsageError(f"timeout={self.timeout!r} leaves a program no time; give seconds above 0")
        if not _positive(self.output):
            raise UsageError(f"output_limit={self.output!r} leaves no output; give bytes above 0")


_PIECE = 1 << 20


def _positive(number: Any) -> bool:
    return isinstance(number, int | float) and number > 0


class Line:
    """A connection in use. Whoever closes it, nobody writes to its descriptors afterwards."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.reader, self.writer, self.isolation = connection.reader, connection.writer, connection.isolation
        self._lock = threading.Lock()
        self._unsent = bytearray()
        self._why = ""
        self.open, self.busy = True, False

    def write(self, data: bytes = b"") -> bool:
        """Send the data after all that waits. False where some of it has to wait until the stream takes more."""
        with self._lock:
            if not self.open:
                return True
            if self._unsent and data:  # it has its turn when the stream takes more
                self._unsent += data
                return False
            try:
                sent = os.write(self.writer, data or memoryview(self._unsent)[:_PIECE])
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                return True  # the reader will see the end of the stream
            if data and sent == len(data):
                return True
            if data:
                self._unsent += memoryview(data)[sent:]
            else:
                del self._unsent[:sent]
            return not self._unsent

    @property
    def waiting(self) -> int:
        """Bytes that have still to be sent."""
        return len(self._unsent)

    def interrupt(self) -> Mapping[str, Any] | None:
        """Raise KeyboardInterrupt in the program, or give the frame that does."""
        return self.connection.interrupt() if self.open else None

    @property
    def listens(self) -> bool:
        """Whether the worker may be told things before it has said its first word: nobody else reads its stream."""
        return getattr(self.connection, "listens", False)

    def computed(self) -> float:
        """Seconds for which the worker has used processors; 0 where that cannot be known."""
        known: Callable[[], float] = getattr(self.connection, "computed", float)
        return known()

    def close(self, why: str = "") -> str:
        """End the worker. Gives the reason as far as it is known. May be called twice, and from any thread."""
        with self._lock:
            self.open, self._why = False, self._why or why
        self.connection.kill()
        return self.connection.trouble() or self._why

    def refuse_stale(self) -> None:
        """Raise `WireBroken` for what arrived while no program ran."""
        if not self.open:
            raise WireBroken(self._why or "its process ended")
        try:
            came = os.read(self.reader, 1)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            came = b""
        raise WireBroken("protocol error: data arrived while no program was running" if came else "its process ended")
