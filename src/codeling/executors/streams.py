"""What executors share whose worker is reached through a library: two threads carry its bytes.

The library gives a stream (`Stream`), the session wants two descriptors (`Connection`); `Carried` is
between the two. It reads nothing into the bytes.
"""

from __future__ import annotations

import base64
import binascii
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol

__all__ = ("INTERRUPT", "Carried", "Stream")

CHUNK = 48 << 10
"""Bytes that are sent at once, at most."""
MOST_OF_A_LINE = 1 << 20
"""Bytes of a line that has not ended; a worker's lines are shorter."""
INTERRUPT: Mapping[str, Any] = {"t": "interrupt"}


class Stream(Protocol):
    """A worker's stream as a library gives it. Every method may block, and is called from threads."""

    def chunks(self) -> Iterator[bytes]:
        """Give what the worker writes, as it comes, until its end."""
        ...

    def send(self, data: bytes, /) -> None:
        """Give the worker bytes."""
        ...

    def ending(self) -> str | None:
        """After the end of `chunks`: why it ended, where that can be known."""
        ...

    def remove(self) -> None:
        """End the worker and all that it held. What other methods wait for ends too."""
        ...


class Carried:
    """A worker behind a `Stream`, as `session.Connection` says."""

    def __init__(self, stream: Stream, source: bytes, *, isolation: str, text: bool = False) -> None:
        """Send the worker its source, and carry what follows. With `text`, as lines of base64."""
        self.isolation, self._stream, self._text = isolation, stream, text
        try:
            for start in range(0, len(source), CHUNK):
                stream.send(source[start : start + CHUNK])
        except BaseException:
            stream.remove()
            raise
        self.reader, self._from_worker = os.pipe()
        self._to_worker, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(self.writer, False)
        self._lock, self._closed = threading.Lock(), False
        self._why: str | None = None
        for carry in (self._carry_out, self._carry_in):
            threading.Thread(target=carry, name=f"codeling-{isolation}", daemon=True).start()

    def interrupt(self) -> Mapping[str, Any]:
        """Give the frame that interrupts the program."""
        return INTERRUPT

    def kill(self) -> None:
        """Remove the worker and its place. The answer of a vendor is not waited for."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        os.close(self.reader)
        os.close(self.writer)
        remove = threading.Thread(target=self._remove, name=f"codeling-remove-{self.isolation}")
        try:
            remove.start()
        except RuntimeError:  # the interpreter is at its end and starts no threads
            self._remove()

    def trouble(self) -> str | None:
        """Why the stream ended, where that is known."""
        return self._why

    def _remove(self) -> None:
        with suppress(Exception):  # foreign code: what is not removed now ends with its time to live
            self._stream.remove()

    def _carry_out(self) -> None:
        """Give on what the worker writes."""
        try:
            for chunk in _decoded(self._stream.chunks()) if self._text else self._stream.chunks():
                data = chunk
                while data:
                    data = data[os.write(self._from_worker, data) :]
            self._why = self._stream.ending() or self._why
        except binascii.Error:
            self._why = "protocol error: a line that is not base64"
        except Exception as error:  # noqa: BLE001  # foreign code: vendors' errors have no common base
            self._why = self._why or f"its stream broke: {type(error).__name__}: {str(error)[:300]}"
        os.close(self._from_worker)

    def _carry_in(self) -> None:
        """Give the worker what is written to it."""
        try:
            while chunk := os.read(self._to_worker, CHUNK):
                self._stream.send(base64.b64encode(chunk) + b"\n" if self._text else chunk)
        except Exception as error:  # noqa: BLE001  # foreign code: vendors' errors have no common base
            self._why = self._why or f"it could not be written to: {type(error).__name__}: {str(error)[:300]}"
            self._remove()
        os.close(self._to_worker)


def _decoded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Give the bytes that lines of base64 stand for."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MOST_OF_A_LINE:
            raise binascii.Error
        for line in lines:
            yield base64.b64decode(line, validate=True)
