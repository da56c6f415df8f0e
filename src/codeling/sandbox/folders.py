"""Working folders of sandboxes without a private file system: what they hold, and removal.

What a program leaves behind may be a tree of any depth with any names; nothing here recurses or
follows a link.
"""

from __future__ import annotations

import atexit
import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path

__all__ = ("base_folder", "kind", "remove", "usage")

_LONG = 0.05
"""Seconds that a count may take beside the program that writes there."""
_AT_ONCE = 20
_DEEPEST = 3500
"""Length of a path beyond which folders are too deep to be looked into: below, files could hide."""


@cache
def base_folder(process: int) -> Path:
    """The folder that holds this process's working folders; others may pass through it, not list it."""
    named = kind()
    if named:
        _remove_stale(named)
    path = Path(tempfile.mkdtemp(prefix=f"{named}{process}-" if named else "codeling-"))
    path.chmod(0o711)
    atexit.register(_remove_own, str(path), process)
    return path


def kind() -> str:
    """How folders and groups begin of processes that are known by their numbers; nothing where those are not known."""
    with suppress(OSError):
        return f"codeling-{os.stat('/proc/self/ns/pid').st_ino}-"
    return ""


def _remove_stale(prefix: str) -> None:
    """Remove what processes of ours have left that were killed: some at a time, as nobody should wait long for it."""
    with os.scandir(tempfile.gettempdir()) as entries:
        named = (entry for entry in entries if entry.name.startswith(prefix))
        stale = (entry.path for entry in named if _is_stale(entry, entry.name.removeprefix(prefix).partition("-")[0]))
        for path in islice(stale, _AT_ONCE):
            remove(path)


def _is_stale(entry: os.DirEntry[str], process: str) -> bool:
    with suppress(OSError):
        own = entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
        return own and process.isdecimal() and not os.path.exists(f"/proc/{process}")
    return False


def _remove_own(folder: str, process: int) -> None:
    """At the end of the process that made it, and not of a child that it forked."""
    if os.getpid() == process:
        remove(folder)


def usage(
    folder: str, *, most_bytes: int, most_files: int, lasting: Callable[[], None] = lambda: None
) -> tuple[int, int]:
    """Give the bytes and the files below a folder; stops counting where a quota is passed.

    Folders that cannot be looked into, or are nested too deep for that, count as more files than there may be.
    `lasting` is called where the count takes so long that what is counted could grow by much meanwhile.
    """
    size = files = 0
    waiting, deadline = [folder], time.monotonic() + _LONG
    while waiting and size <= most_bytes and files <= most_files:
        if deadline < time.monotonic():
            lasting()
            deadline = math.inf
        if len(waiting[-1]) > _DEEPEST:
            return size, most_files + 1
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    files += 1
                    with suppress(FileNotFoundError):
                        size += entry.stat(follow_symlinks=False).st_blocks * 512
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
        except (FileNotFoundError, NotADirectoryError):  # it has been removed meanwhile
            continue
        except OSError:  # who made it can write there all the same
            return size, most_files + 1
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
