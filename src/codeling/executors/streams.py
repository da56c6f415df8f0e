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

from ..errors import SandboxError
from ..sandbox.bundle import line

__all__ = ("FAR", "INTERRUPT", "Carried", "Stream", "refused")

CHUNK = 48 << 10
"""Bytes that are sent at once, at most."""
MOST_OF_A_MESSAGE = 1 << 20
"""Bytes of a message that has not ended; a worker's are shorter."""
_PATIENCE, _GRACE = 60.0, 5.0
INTERRUPT: Mapping[str, Any] = {"t": "interrupt"}
FAR = 10.0
"""Seconds that an interrupted program gets where the way to it is long; `SessionLimits.grace` is for this machine."""


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
        """Send the worker its source, and carry what follows. With `text`, as lines of text.

        Raises `TimeoutError` where no worker begins, and whatever the library raises.
        """
        self.isolation, self._stream, self._text = isolation, stream, text
        self.reader, self._from_worker = os.pipe()
        self._to_worker, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(self.writer, False)
        self._lock, self._closed = threading.Lock(), False
        self._begun, self._over = threading.Event(), threading.Event()
        self._why: str | None = None
        threading.Thread(target=self._carry_out, name=f"codeling-out-{isolation}", daemon=True).start()
        try:
            self._begin(source)
        except BaseException:
            os.close(self._to_worker)
            self.kill()
            raise
        threading.Thread(target=self._carry_in, name=f"codeling-in-{isolation}", daemon=True).start()

    def _begin(self, source: bytes) -> None:
        if self._text and not self._begun.wait(_PATIENCE):
            raise TimeoutError(f"no Python began to run within {_PATIENCE:g} s")
        try:
            for start in range(0, len(source), CHUNK):
                self._stream.send(source[start : start + CHUNK])
        except Exception as error:  # foreign code: vendors' errors have no common base
            self._over.wait(_GRACE)
            raise ConnectionError(self._why or f"{type(error).__name__}: {error}") from error

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
                self._begun.set()
                data = chunk
                while data:
                    data = data[os.write(self._from_worker, data) :]
            self._ended(self._stream.ending())
        except binascii.Error:
            self._ended("protocol error: a message that is not base64")
        except Exception as error:  # noqa: BLE001  # foreign code: vendors' errors have no common base
            self._ended(f"its stream broke: {type(error).__name__}: {str(error)[:300]}")
        self._over.set()
        self._begun.set()
        os.close(self._from_worker)

    def _carry_in(self) -> None:
        """Give the worker what is written to it."""
        try:
            while chunk := os.read(self._to_worker, CHUNK):
                self._stream.send(line(chunk) if self._text else chunk)
        except Exception as error:  # noqa: BLE001  # foreign code: vendors' errors have no common base
            if not self._over.wait(_GRACE):  # else it has ended by itself, and its end says more
                self._ended(f"it could not be written to: {type(error).__name__}: {str(error)[:300]}")
                self._remove()
        os.close(self._to_worker)

    def _ended(self, why: str | None) -> None:
        """Note why it ended, if this is the first that is known, and not what this end's own doing led to."""
        if not self._closed:
            self._why = self._why or why


def _decoded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Give the bytes of a worker's messages; the first is empty, and a shell's words may stand before it."""
    rest, began = b"", False
    for chunk in chunks:
        *parts, rest = (rest + chunk).split(b".")
        if len(rest) > MOST_OF_A_MESSAGE:
            raise binascii.Error
        for part in parts:
            _, mark, message = part.rpartition(b"~>")
            began = began or bool(mark and not message)
            if mark and began:
                yield base64.b64decode(message, validate=True)


def refused(vendor: str, error: BaseException, *, check: str) -> SandboxError:
    """Give the error that says why a vendor gave no sandbox, and what to check."""
    said = str(error)[:500].strip().rstrip(".")
    return SandboxError(
        f"{vendor} gave no sandbox: {type(error).__name__}: {said}. "
        f"Check {check}, and that this machine reaches {vendor}"
    )
