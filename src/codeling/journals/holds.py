"""Locks on names, kept by the operating system: they end with the process that holds them, however it ends."""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
from pathlib import Path

__all__ = ("FileHold",)

_LOCK = "hhqqi4x"
"""`struct flock` of 64-bit Linux: kind, from where, start, length, process."""


class FileHold:
    """A lock on one byte of a file, the byte being chosen by a name.

    Linux's open-file-description locks exclude each other also within one process. Elsewhere each name
    gets a file of its own.
    """

    def __init__(self, path: Path, name: str) -> None:
        digest = hashlib.sha256(name.encode()).digest()
        kind = getattr(fcntl, "F_OFD_SETLK", None)
        path = path if kind is not None else path.with_name(f"{path.name}-{digest.hex()[:32]}")
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        start = int.from_bytes(digest[:7], "big")
        try:
            if kind is not None:
                fcntl.fcntl(self._fd, kind, struct.pack(_LOCK, fcntl.F_WRLCK, os.SEEK_SET, start, 1, 0))
            else:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.free = True
        except OSError:
            self.free = False
        """Whether nobody else held it, so that we do now."""

    def close(self) -> None:
        """Let go."""
        os.close(self._fd)
