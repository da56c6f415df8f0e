"""Ends sandboxes that take more than they may, where the kernel alone does not hold them to it.

At full isolation the kernel counts disk, files and tasks; this thread adds the memory of all
processes together, with the kernel's tables of it. At strong isolation it counts disk, files and tasks
too. It looks at a session again only when that has used the processor since, and it stops a session for
the moment of an exact count when that has written more than its quota since the last one, and for the
rest of one that takes long: so moving files about hides none, and folders in folders win no time.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache

from .folders import usage

__all__ = ("Quota", "Watchdog", "below", "computed")

INTERVAL = 0.02
"""Seconds between two looks: a program can pass its quota by what it takes in that time."""
_SELDOM, _SOCKET = 10, 1 << 18
_PAGE = os.sysconf("SC_PAGE_SIZE")
_ENDING = 10
"""Looks for which a process may have lost its first thread and no other: one that ends is so for a moment."""
_GONE_MAPS = 4
"""Deleted files that are mapped and no longer open show no size: each counts as this part of the quota."""


@dataclass(slots=True, kw_only=True)
class Quota:
    """What one session may take, and what was seen of it."""

    pid: int
    memory: int
    tasks: int
    seldom: bool = False
    """Whether every tenth look is enough, because the kernel counts all but its own memory."""
    kill: Callable[[str], None] = lambda why: None
    signal: Callable[[int], None] = lambda number: None
    reader: int = -1
    """Our end of its wire: descriptors that it sent wait there until something is read."""
    family: bool = False
    """Whether the processes that it starts are counted too."""
    forks: int = 0
    """How many processes there may be besides the first two; 0 where processes and threads are counted together."""
    folder: str | None = None
    disk: int = 0
    files: int = 0
    ticks: str = ""
    headless: dict[int, int] = field(default_factory=dict)
    """For how many looks a process has had no first thread, and others."""
    written: int = 0
    pending: bool = field(default=True)


class Watchdog:
    """Looks at all sessions of this process. Its thread runs only while there are any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[int, Quota] = {}
        self._thread: threading.Thread | None = None

    def watch(self, quota: Quota) -> None:
        """Call the quota's `kill` with the reason when it is passed."""
        with self._lock:
            self._watched[id(quota)] = quota
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="codeling-watchdog", daemon=True)
                self._thread.start()

    def forget(self, quota: Quota) -> None:
        """Stop watching."""
        with self._lock:
            self._watched.pop(id(quota), None)

    def _run(self) -> None:
        with suppress(OSError):  # root's privilege: a program that takes all processors shall not slow this thread
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -15)
        for turn in itertools.count():
            with self._lock:
                watched = list(self._watched.values())
                if not watched:
                    self._thread = None
                    return
            for quota in watched:
                if quota.seldom and turn % _SELDOM:
                    continue
                with suppress(OSError):  # it ended meanwhile
                    if excess := _excess(quota):
                        quota.kill(excess)
            time.sleep(INTERVAL)


def _excess(quota: Quota) -> str | None:
    """What a session takes too much of."""
    family = [quota.pid, *below(quota.pid)] if quota.family else [quota.pid]
    seen = list(_states(family))
    ticks = " ".join(state.ticks for state in seen)
    busy, quota.ticks = ticks != quota.ticks, ticks
    if not (busy or quota.pending):
        return None
    quota.pending = busy  # one more look after the last that was busy: a tick is long
    if quota.forks and len(family) > quota.forks + 2:
        return f"it made more processes than its {quota.forks} forks"
    quota.headless = {state.pid: quota.headless.get(state.pid, 0) + 1 for state in seen if state.headless}
    if any(looks > _ENDING for looks in quota.headless.values()):
        return "its first thread ended while others went on: what such a process holds cannot be seen"
    if sum(state.threads for state in seen) > quota.tasks:
        most = quota.tasks - 2 if quota.family and not quota.forks else quota.tasks  # two are not the program's
        return f"it started more than its {most} threads and processes"
    if sum(state.memory + _tables(state.pid) for state in seen) + _sockets(quota) > quota.memory:
        return f"its processes used more than their {quota.memory >> 20} MiB of memory"
    return _disk_excess(quota) if quota.folder else None


@dataclass(frozen=True, slots=True)
class _State:
    pid: int
    ticks: str
    threads: int
    memory: int
    headless: bool
    """Whether its first thread is gone, with what the kernel says of its memory and descriptors, and others are not."""


def _states(pids: list[int]) -> Iterator[_State]:
    for pid in pids:
        with suppress(OSError):
            fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
            ticks, threads, memory = f"{fields[11]}+{fields[12]}", int(fields[17]), int(fields[21]) * _PAGE
            yield _State(pid, ticks, threads, memory, fields[0] == "Z" and threads > 1)


def computed(pid: int) -> float:
    """Seconds for which a process and those below it have used processors."""
    ticks = sum(int(part) for state in _states([pid, *below(pid)]) for part in state.ticks.split("+"))
    return ticks / os.sysconf("SC_CLK_TCK")


def _tables(pid: int) -> int:
    """Bytes of a process's page tables: a mapping far from all others takes two pages of them, which nobody limits."""
    with suppress(OSError):
        found = re.search(r"^VmPTE:\s*(\d+) kB$", _read(f"/proc/{pid}/status"), re.MULTILINE)
        return int(found[1]) * 1024 if found else 0
    return 0


def _sockets(quota: Quota) -> int:
    """Bytes that may wait in the sockets of processes that have a network namespace of their own."""
    if not quota.family or quota.forks:
        return 0
    with suppress(OSError):
        found = re.match(r"sockets: used (\d+)", _read(f"/proc/{quota.pid}/net/sockstat"))
        return int(found[1]) * _SOCKET if found else 0
    return 0


def below(pid: int) -> Iterator[int]:
    """The processes that a process started, and those that they started: whoever is orphaned falls to the first."""
    waiting = [pid]
    while waiting:
        current = waiting.pop()
        with suppress(OSError):
            for task in os.listdir(f"/proc/{current}/task"):
                for child in map(int, _read(f"/proc/{current}/task/{task}/children").split()):
                    waiting.append(child)
                    yield child


def _disk_excess(quota: Quota) -> str | None:
    stopped: list[bool] = []

    def stop() -> None:
        stopped.append(True)
        quota.signal(signal.SIGSTOP)

    try:
        size, count = _count(quota, stop)
        written = _written(quota.pid)
        much = written - quota.written > quota.disk or count * 2 > quota.files
        if size <= quota.disk and count <= quota.files and much:
            stop()
            size, count = _count(quota, stop)
            quota.written = written
    finally:
        if stopped:
            quota.signal(signal.SIGCONT)
    if size > quota.disk:
        return f"it used more than its {quota.disk >> 20} MiB of disk"
    return f"it made more than its {quota.files} files" if count > quota.files else None


def _count(quota: Quota, lasting: Callable[[], None]) -> tuple[int, int]:
    assert quota.folder is not None  # called for sessions with a folder only
    size, files = usage(quota.folder, most_bytes=quota.disk, most_files=quota.files, lasting=lasting)
    return size + _hidden(quota), files


def _hidden(quota: Quota) -> int:
    """Bytes of files that have no name: deleted and still open, or mapped, or on their way through a socket."""
    home = os.stat(str(quota.folder)).st_dev
    seen: dict[int, int] = {}
    sockets = [f"/proc/self/fdinfo/{quota.reader}"]
    with os.scandir(f"/proc/{quota.pid}/fd") as handles:
        for handle in handles:
            with suppress(OSError):
                found = os.stat(handle.path)
                if stat.S_ISSOCK(found.st_mode):
                    sockets.append(f"/proc/{quota.pid}/fdinfo/{handle.name}")
                elif stat.S_ISREG(found.st_mode) and not found.st_nlink and found.st_dev in (home, _memory_device()):
                    seen[found.st_ino] = found.st_blocks * 512
    passing = sum(int(number) for path in sockets for number in re.findall(r"scm_fds:\s*(\d+)", _read(path)))
    mapped = {
        int(line.split()[4])
        for line in _read(f"/proc/{quota.pid}/maps").splitlines()
        if line.endswith(" (deleted)") and str(quota.folder) in line
    }
    return sum(seen.values()) + (len(mapped - set(seen)) + passing) * (quota.disk // _GONE_MAPS)


@cache
def _memory_device() -> int:
    """Where files in memory lie, such as the one that takes what C code prints."""
    handle = os.memfd_create("device")
    try:
        return os.fstat(handle).st_dev
    finally:
        os.close(handle)


def _written(pid: int) -> int:
    """Bytes that a process has written to disk so far; 0 where the kernel does not count them."""
    try:
        counts = dict(re.findall(r"^(\w+): (\d+)$", _read(f"/proc/{pid}/io"), re.MULTILINE))
    except OSError:
        return 0
    return int(counts.get("write_bytes", 0)) - int(counts.get("cancelled_write_bytes", 0))


def _read(path: str) -> str:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = []
        while piece := os.read(handle, 1 << 16):
            pieces.append(piece)
        return b"".join(pieces).decode("ascii", "replace")
    finally:
        os.close(handle)
