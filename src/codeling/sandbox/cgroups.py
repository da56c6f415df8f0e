"""Control groups (version 2), where a part of their tree is ours to use: one more hold on memory and tasks.

Most machines give a program such a part only under systemd (`systemd-run --user -p Delegate=yes`) or in a
container that asks for it. Where there is none, the other layers hold; `available` says why there is none.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ("Groups", "available", "hold")

_WANTED = ("memory", "pids")


class Groups:
    """A folder of the tree in which a group for each session is made."""

    def __init__(self, folder: Path) -> None:
        """Make the folder of this process's groups. Raises OSError where that is refused."""
        self._folder = folder / f"codeling-{os.getpid()}"
        self._folder.mkdir(exist_ok=True)
        self.controllers = [name for name in _WANTED if name in _words(self._folder / "cgroup.controllers")]
        if self.controllers:
            _write(self._folder / "cgroup.subtree_control", " ".join(f"+{name}" for name in self.controllers))
        self._numbers = itertools.count(1)

    def hold(self, pid: int, *, memory: int, tasks: int) -> Callable[[Any], None]:
        """Put a process and all that it will start into a group of its own; gives what ends that group."""
        group = self._folder / str(next(self._numbers))
        group.mkdir()
        if "memory" in self.controllers:
            _write(group / "memory.max", str(memory))
            for name, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
                with suppress(OSError):  # not on every kernel
                    _write(group / name, value)
        if "pids" in self.controllers:
            _write(group / "pids.max", str(tasks))
        _write(group / "cgroup.procs", str(pid))

        def end(worker: Any) -> None:
            with suppress(OSError):
                _write(group / "cgroup.kill", "1")
            for _ in range(200):
                if "populated 0" in (group / "cgroup.events").read_text():
                    break
                os.sched_yield()
            with suppress(OSError):
                group.rmdir()

        return end

    def close(self) -> None:
        """Remove the folder, if no group is left in it."""
        with suppress(OSError):
            self._folder.rmdir()


@cache
def _groups(process: int) -> Groups | str:
    """The groups that this process can make, or why it can make none."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines() if " cgroup2 " in line]
    own = [line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")]
    if not mounts or not own:
        return "no cgroup v2 is mounted"
    place = Path(mounts[0][1] + own[0])
    lacking = [name for name in _WANTED if name not in _words(place / "cgroup.controllers")]
    if lacking:
        return f"this process's cgroup has no {' and '.join(lacking)} controller"
    for folder in (place.parent, place):
        if set(_WANTED) <= set(_words(folder / "cgroup.subtree_control")) and os.access(folder, os.W_OK):
            try:
                return Groups(folder)
            except OSError as error:
                return f"a group below {folder} is refused: {error.strerror}"
    return "no part of the tree is delegated to this process (systemd-run --user --scope -p Delegate=yes gives one)"


def available() -> str | None:
    """Why sessions get no group of their own; None if they do."""
    found = _groups(os.getpid())
    return found if isinstance(found, str) else None


def hold(pid: int, memory: int, tasks: int, disk: int) -> tuple[Callable[[Any], None], ...]:
    """Hold a worker by a group where that can be had: what ends the group, or nothing."""
    found = _groups(os.getpid())
    if isinstance(found, str):
        return ()
    try:
        return (found.hold(pid, memory=memory + disk, tasks=tasks),)
    except OSError:  # the tree is not as delegated as it seemed; the other layers hold
        return ()


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except OSError:
        return []


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="ascii")
