"""Working folders of sandboxes without a private file system: quotas held by a watchdog, and removal.

What a program leaves behind may be a tree of any depth with any names; nothing here recurses or
follows a link.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

__all__ = ("Watchdog", "base_folder", "remove", "usage")

INTERVAL = 0.02
"""Seconds between two looks: a program can pass its quota by what it writes in that time."""


@cache
def base_folder(process: int) -> Path:
    """The folder that holds this process's working folders; others may pass through it, not list it."""
    path = Path(tempfile.mkdtemp(prefix="codeling-"))
    path.chmod(0o711)
    atexit.register(_remove_own, str(path), process)
    return path


def _remove_own(folder: str, process: int) -> None:
    """At the end of the process that made it, and not of a child that it forked."""
    if os.getpid() == process:
        remove(folder)


def usage(folder: str, *, most_bytes: int, most_files: int) -> tuple[int, int]:
    """Give the bytes and the files below a folder; stops counting where a quota is passed."""
    size = files = 0
    waiting = [folder]
    while waiting and size <= most_bytes and files <= most_files:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                files += 1
                with suppress(OSError):
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return size, files


def remove(folder: str) -> None:
    """Remove a folder and all in it, however deep, without following a link."""
    top = os.path.dirname(folder)
    number = 0
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        with suppress(OSError):
            os.chmod(current, 0o700)
        try:
            entries = list(os.scandir(current))
        except OSError:
            continue
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    os.unlink(entry.path)
                continue
            number += 1
            lifted = os.path.join(top, f".gone-{os.path.basename(folder)}-{number}")
            try:  # lifted to the top, so that no path grows too long for the kernel
                os.rename(entry.path, lifted)
            except OSError:
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                waiting.append(lifted)
        with suppress(OSError):
            os.rmdir(current)


class Watchdog:
    """Kills sandboxes that take more disk or files than they may. Its thread runs only while there are any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[str, tuple[int, int, Callable[[str], None]]] = {}
        self._thread: threading.Thread | None = None

    def watch(self, folder: str, *, disk: int, files: int, kill: Callable[[str], None]) -> None:
        """Call `kill` with the reason when the folder passes its quota."""
        with self._lock:
            self._watched[folder] = (disk, files, kill)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="codeling-watchdog", daemon=True)
                self._thread.start()

    def forget(self, folder: str) -> None:
        """Stop watching a folder."""
        with self._lock:
            self._watched.pop(folder, None)

    def _run(self) -> None:
        while True:
            with self._lock:
                watched = list(self._watched.items())
                if not watched:
                    self._thread = None
                    return
            for folder, (disk, files, kill) in watched:
                size, count = usage(folder, most_bytes=disk, most_files=files)
                if size > disk:
                    kill(f"it used more than its {disk >> 20} MiB of disk")
                elif count > files:
                    kill(f"it made more than its {files} files")
            time.sleep(INTERVAL)
