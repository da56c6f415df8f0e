"""Files that sandboxes begin with, and files that they leave: what goes in is checked, what comes out is hostile."""

from __future__ import annotations

import fnmatch
import json
import os
import stat
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import UsageError

__all__ = ("Artifacts", "check_counts", "check_environment", "check_names", "listed", "pack", "paths")

_LARGEST = 64 << 20
_MOST, _MANY = 1000, 10_000


def check_counts(least: int, **counts: Any) -> None:
    """Refuse a limit that is none, which the kernel would take for no limit at all. Raises `UsageError`."""
    for name, count in counts.items():
        if not isinstance(count, int) or count < least:
            raise UsageError(f"{name}= is a whole number from {least} on, not {count!r}")


def listed(**options: Any) -> None:
    """Refuse a text where a list of texts belongs: its letters would be taken for them. Raises `UsageError`."""
    for name, value in options.items():
        if isinstance(value, str | bytes | os.PathLike):
            raise UsageError(f"{name}= takes a list, such as [{os.fspath(value)!r}]")


def paths(read: Sequence[str | os.PathLike[str]]) -> tuple[str, ...]:
    """Give whole paths that may be read. Raises `UsageError` for one that is not there."""
    for path in read:
        if not os.path.exists(path):
            raise UsageError(f"read= names paths that are there; {os.fspath(path)!r} is not")
    return tuple(map(os.path.abspath, read))


def check_environment(variables: Mapping[Any, Any]) -> None:
    """Raise `UsageError` for variables that are no texts."""
    for name, value in variables.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise UsageError(f"env= holds texts by their names; {name!r} is {value!r}")


def check_names(files: Mapping[str, bytes | str | os.PathLike[str]]) -> None:
    """Refuse names that lead out of the working folder, and files that are not there. Raises `UsageError`."""
    for name, content in files.items():
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or "\0" in name:
            raise UsageError(f"files= names a file below the working folder; {name!r} is not")
        if not isinstance(content, bytes) and not Path(content).is_file():
            raise UsageError(f"files={{{name!r}: …}} is bytes or the path of a file; there is no file {str(content)!r}")


def pack(files: Mapping[str, bytes | str | os.PathLike[str]]) -> int:
    """Give a descriptor of all the files in a row, after an index of their names and sizes: see `root.unpack`."""
    contents = {name: item if isinstance(item, bytes) else Path(item).read_bytes() for name, item in files.items()}
    index = json.dumps([(name, len(content)) for name, content in contents.items()]).encode()
    handle = os.memfd_create("codeling-files", os.MFD_CLOEXEC)
    with open(handle, "wb", closefd=False) as file:
        file.write(struct.pack("<I", len(index)) + index)
        file.writelines(contents.values())
    return handle


class Artifacts:
    """Copies the files that programs left in `./artifacts` into a folder of the host, when a session ends.

    The sandbox's files are opened one folder at a time, never through a link, and only plain files are
    read: whatever a program puts there, nothing else is opened. A file's size is what its program says, for one of
    nothing but a hole takes no room, nor does one that has many names: so all together have a limit too.
    """

    def __init__(self, target: str | os.PathLike[str], *, pattern: str = "*") -> None:
        """Set where they go. A name that is taken there gets a number."""
        self._target, self._pattern = Path(target), pattern

    def take(self, pid: int, folder: str, *, most: int, is_over: Callable[[], bool]) -> list[Path]:
        """Copy what a living worker has in its folder's `artifacts`, up to so many bytes; gives the copies."""
        taken: list[Path] = []
        with suppress(OSError):  # the worker is gone and its private folder with it, or there is no such folder
            root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                if is_over():  # before that was opened, perhaps, and then it is another's root
                    return taken
                top = _descend(root, [*PurePosixPath(folder).parts[1:], "artifacts"])
            finally:
                os.close(root)
            for name, content in _plain_files(top, _Room(most)):
                if fnmatch.fnmatch(name, self._pattern):
                    taken.append(self._keep(name, content))
        return taken

    def _keep(self, name: str, content: bytes) -> Path:
        target = self._target / name
        target.parent.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            try:
                with target.open("xb") as file:
                    file.write(content)
                return target
            except FileExistsError:
                number += 1
                target = (self._target / name).with_stem(f"{Path(name).stem}-{number}")


def _descend(start: int, parts: list[str]) -> int:
    current = os.dup(start)
    for part in parts:
        try:
            deeper = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=current)
        finally:
            os.close(current)
        current = deeper
    return current


@dataclass(slots=True)
class _Room:
    """What may still be copied."""

    size: int
    files: int = _MOST
    folders: int = _MOST

    def holds(self, size: int) -> bool:
        """Take so much of it, if there is so much."""
        if self.files == 0 or size > min(self.size, _LARGEST):
            return False
        self.size, self.files = self.size - size, self.files - 1
        return True


def _plain_files(top: int, room: _Room, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """The names and contents of plain files below a folder, which is closed at the end."""
    try:
        room.folders -= 1
        with os.scandir(top) as entries:  # there may be millions of them in a folder without a quota
            names = sorted(entry.name for entry in islice(entries, _MANY))
        for name in names[:_MOST] if room.folders >= 0 else ():
            with suppress(OSError):
                yield from _plain(top, name, room, depth)
    finally:
        os.close(top)


def _plain(top: int, name: str, room: _Room, depth: int) -> Iterator[tuple[str, bytes]]:
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=top)
    found = os.fstat(handle)
    if stat.S_ISDIR(found.st_mode) and depth < 8:
        yield from ((f"{name}/{inner}", content) for inner, content in _plain_files(handle, room, depth + 1))
        return
    try:
        if stat.S_ISREG(found.st_mode) and room.holds(found.st_size):
            with open(handle, "rb", closefd=False) as file:
                yield name, file.read(found.st_size)
    finally:
        os.close(handle)
