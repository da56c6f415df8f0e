"""Control groups, where a part of their tree is ours to use: one more hold on the memory and tasks of each session.

They count what no other limit does: the kernel's own memory, and that of all processes together. Version 2
gives a program such a part under systemd (`systemd-run --user --scope -p Delegate=yes`), to root, or in a
container that asks for it; version 1 to root only. Elsewhere the other layers hold; `available` says why.

Putting a process into a group takes the kernel some milliseconds, so a thread does that while the session
starts, but where processes may be started: those shall have no time for it. Groups are used again: making one
takes time too, and one that was removed lives on for a while.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from ..lookup import load
from .folders import kind as own_kind

__all__ = ("Group", "Groups", "available", "group_for", "places")

_WANTED = ("memory", "pids")
_SWAP = {"memory.swap.max": 0, "memory.memsw.limit_in_bytes": 1}
"""Files that are not on every kernel, and how much of the memory they allow."""
_making = threading.Lock()


class Group:
    """Holds one session after another. Made in one folder for each controller, or in one for both."""

    def __init__(
        self, memory_folder: Path, tasks_folder: Path, *, memory: int, tasks: int, ended: Callable[[Group], None]
    ) -> None:  # fmt: skip
        """Make it. Raises OSError. `ended` is called when a session has let go of it."""
        self.folders = list(dict.fromkeys([memory_folder, tasks_folder]))
        for folder in self.folders:
            folder.mkdir()
        second = (memory_folder / "memory.max").exists()
        self._events = memory_folder / ("memory.events" if second else "memory.oom_control")
        _write(memory_folder / ("memory.max" if second else "memory.limit_in_bytes"), memory)
        for name, share in {**_SWAP, "memory.oom.group": 1 / memory}.items():
            if (memory_folder / name).exists():
                _write(memory_folder / name, int(memory * share))
        _write(tasks_folder / "pids.max", tasks)
        self.memory, self.tasks, self.used, self._ended = memory, tasks, False, ended
        self._lock, self._pid, self._kills = threading.Lock(), 0, 0

    def open(self) -> list[int]:
        """Give descriptors by which a process enters when it writes a 0 to each."""
        return [os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for folder in self.folders]

    def enter(self, pid: int) -> None:
        """Have a thread put a process here."""
        self._pid = pid
        load("codeling.sync.threads:pool")().submit(self._put, pid)

    def _put(self, pid: int) -> None:
        for folder in self.folders:
            with self._lock, suppress(OSError):  # it has ended
                if self._pid == pid:
                    _write(folder / "cgroup.procs", pid)

    def begin(self) -> None:
        """Take it for a session."""
        self.used, self._kills = True, self._killed()

    def end(self) -> str | None:
        """Let go of a session that has ended. Gives why the kernel ended it, if it did."""
        with self._lock:
            self._pid = 0
        killed = self._killed() > self._kills
        if self.used:
            self.used = False
            self._ended(self)
        return f"its processes used more than their {self.memory >> 20} MiB of memory" if killed else None

    @property
    def free(self) -> bool:
        """Whether nothing runs in it."""
        return not any(_words(folder / "cgroup.procs") for folder in self.folders)

    def remove(self) -> None:
        """Take it away, if nothing runs in it."""
        for folder in self.folders:
            with suppress(OSError):
                folder.rmdir()

    def _killed(self) -> int:
        words = _words(self._events)
        return int(words[words.index("oom_kill") + 1]) if "oom_kill" in words else 0


class Groups:
    """The folders in which this process makes a group for each session."""

    def __init__(self, parents: Mapping[str, Path]) -> None:
        """Make a folder of our own below each controller's. Raises OSError where groups cannot be made and entered."""
        self._lock, self._groups = threading.Lock(), list[Group]()
        self._unused = deque[Group]()
        self._count = 0
        kind = own_kind()
        self._folders = {name: parents[name] / f"{kind}{os.getpid()}" for name in _WANTED}
        for folder in set(self._folders.values()):
            _remove_stale(folder.parent, kind)
            folder.mkdir(exist_ok=True)
            if (folder / "cgroup.subtree_control").exists():
                _write(folder / "cgroup.subtree_control", " ".join(f"+{name}" for name in _WANTED))
        folders = self.take(64 << 20, 8).folders
        command = [
            "/bin/sh",
            "-c",
            'for folder in "$@"; do echo 0 > "$folder/cgroup.procs" || exit; done',
            "sh",
            *map(str, folders),
        ]
        done = subprocess.run(command, stderr=subprocess.DEVNULL, check=False)
        self._groups.pop().remove()
        if done.returncode:
            self.close()
            raise PermissionError(0, "processes cannot be put into it")

    def take(self, memory: int, tasks: int) -> Group:
        """Give a group with these limits that is free. Raises OSError."""
        with self._lock:
            group = self._again(memory, tasks)
            if group is None:
                self._count += 1
                folders = [self._folders[name] / str(self._count) for name in _WANTED]
                group = Group(folders[0], folders[1], memory=memory, tasks=tasks, ended=self._unused.append)
                self._groups.append(group)
            group.begin()
            return group

    def _again(self, memory: int, tasks: int) -> Group | None:
        """Give a group that a session has let go of, if one is free. Those that are not wait for another time."""
        for _ in range(len(self._unused)):
            group = self._unused.popleft()
            if group.used:
                continue
            if (group.memory, group.tasks) == (memory, tasks) and group.free:
                return group
            self._unused.append(group)
        return None

    def close(self) -> None:
        """Remove all groups in which nothing runs."""
        for group in self._groups:
            group.remove()
        for folder in set(self._folders.values()):
            with suppress(OSError):
                folder.rmdir()


def _remove_stale(folder: Path, kind: str) -> None:
    """Remove what processes have left that were killed."""
    for left in folder.glob(f"{kind}*"):
        if not Path(f"/proc/{left.name.removeprefix(kind)}").exists():
            for path in (*left.glob("*/"), left):
                with suppress(OSError):
                    path.rmdir()


def _groups() -> Groups | str:
    """The groups that this process can make, or why it can make none."""
    with _making:
        return _made(os.getpid())


@cache
def _made(process: int) -> Groups | str:
    found = places()
    if isinstance(found, str):
        return found
    try:
        groups = Groups(found)
    except OSError as error:
        return f"a group below {found['memory']} is refused: {error.strerror}"
    atexit.register(lambda: groups.close() if os.getpid() == process else None)
    return groups


def places(proc: Path = Path("/proc/self")) -> Mapping[str, Path] | str:
    """Where this process may make groups, for each controller, or why it may not."""
    mounts = [line.split() for line in _lines(proc / "mounts")]
    numbered = [line.split(":", 2) for line in _lines(proc / "cgroup")]
    own = {name: path for _, names, path in numbered for name in names.split(",")}
    why = "no cgroup is mounted"
    for _, folder, kind, *_ in mounts:
        if kind == "cgroup2" and "" in own:
            found = _delegated(Path(folder + own[""]))
            if isinstance(found, Path):
                return dict.fromkeys(_WANTED, found)
            why = found
    first = {
        name: Path(folder + own[name])
        for _, folder, kind, options, *_ in mounts
        for name in set(_WANTED) & set(options.split(",")) & set(own)
        if kind == "cgroup"
    }
    usable = set(first) == set(_WANTED) and all(os.access(folder, os.W_OK) for folder in first.values())
    return first if usable else why


def _delegated(own: Path) -> Path | str:
    """Where in version 2 groups can be made: beside our own one, or below it where that is the root of all."""
    lacking = [name for name in _WANTED if name not in _words(own / "cgroup.controllers")]
    if lacking:
        return f"this process's cgroup has no {' and '.join(lacking)} controller"
    for folder in (own.parent, own):
        with suppress(OSError):  # a group with processes gives no controllers to those below it
            if os.access(folder, os.W_OK):
                _write(folder / "cgroup.subtree_control", " ".join(f"+{name}" for name in _WANTED))
                return folder
    return "no part of the tree is delegated to this process (systemd-run --user --scope -p Delegate=yes gives one)"


def available() -> str | None:
    """Why sessions get no group of their own; None if they do."""
    found = _groups()
    return found if isinstance(found, str) else None


def group_for(memory: int, tasks: int) -> Group | None:
    """Give a group for a session, where that can be had."""
    found = _groups()
    if isinstance(found, str):
        return None
    try:
        return found.take(memory, tasks)
    except OSError:  # the tree is not as delegated as it seemed; the other layers hold
        return None


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _write(path: Path, value: object) -> None:
    """Write to a file of the kernel's, which is never made here. Raises OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, str(value).encode())
    finally:
        os.close(handle)
