"""Whom a worker of root's becomes: behind the wall nobody is root, as far as this machine lets us change users."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ("Worker", "readable_by_all", "tasks_of", "worker_user")

_NOBODY = 65534
_NUMBERS = 0x70000000
"""From here on, no user numbers are given out by any system that we know: see systemd's list of them."""
_PIDS, _BLOCKS = 1 << 22, 63
"""A process's number, which is below the first, is added: so each has a user of its own. Pid namespaces get blocks."""
_CHANGES = (0, 6, 7)
"""The capabilities that changing users takes: CAP_CHOWN, CAP_SETGID and CAP_SETUID."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker's user and group."""

    user: int
    group: int
    numbers: int = 0
    """With its process number added, the user by whom the kernel counts its threads; 0 for `user`, as others do too."""
    alone: bool = False
    """Whether it acts as that user too, and not as `user`."""
    change: bool = False
    """Whether any of this has to be set."""


def worker_user(*, isolation: str, workdir: str | None, readable: bool, processes: bool) -> Worker:
    """Whom a worker becomes: nobody, or whoever owns the folder that it works in.

    At strong isolation nobody is a user of its own, and where only root can read the interpreter (it is
    not `readable` by others) a worker keeps acting as root, without any right of root's. Where it acts as
    root its threads are counted for a user of its own, but not where it starts `processes`: programs
    distrust whoever acts as another.
    """
    if os.getuid() != 0:
        return Worker(os.getuid(), os.getgid())
    if not _may_change_users():
        return Worker(0, 0)
    found = os.stat(workdir) if workdir else None
    user, group = (found.st_uid, found.st_gid) if found else (_NOBODY, _NOBODY)
    if (isolation == "strong" and not readable) or not (_is_mapped("uid", user) and _is_mapped("gid", group)):
        user = group = 0
    alone = isolation == "strong" and user == _NOBODY
    numbers = _numbers() if alone or (user == 0 and not processes) else 0
    return Worker(user, group, numbers, alone and numbers > 0, change=True)


def readable_by_all(prefixes: tuple[str, ...]) -> bool:
    """Whether another user could read what is below: every folder on the way has to let it through."""
    below = [Path(prefix).resolve() for prefix in prefixes]
    on_the_way = {folder for prefix in below for folder in (prefix, *prefix.parents)}
    return all(os.stat(folder).st_mode & 0o005 == 0o005 for folder in on_the_way)


def tasks_of(user: int) -> int:
    """How many threads a user's processes have."""
    count = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == user:
                    stat = Path(f"/proc/{name}/stat").read_text(encoding="ascii", errors="replace")
                    count += int(stat.rpartition(")")[2].split()[17])
    return count


def _may_change_users() -> bool:
    """Whether root is root here: in a container it may have lost that right."""
    with suppress(OSError):
        found = re.search(r"^CapEff:\s*(\w+)$", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
        groups = Path("/proc/self/setgroups").read_text(encoding="ascii").strip()
        rights = int(found[1], 16) if found else 0
        return groups == "allow" and all(rights >> number & 1 for number in _CHANGES)
    return False


def _is_mapped(kind: str, number: int) -> bool:
    """Whether a number means somebody in this user namespace."""
    with suppress(OSError):
        lines = Path(f"/proc/self/{kind}_map").read_text(encoding="ascii").splitlines()
        return any(0 <= number - int(first) < int(count) for first, _, count in map(str.split, lines))
    return False


def _numbers() -> int:
    with suppress(OSError):
        block = os.stat("/proc/self/ns/pid").st_ino % _BLOCKS
        first = _NUMBERS + block * _PIDS
        if _is_mapped("uid", first) and _is_mapped("uid", first + _PIDS - 1):
            return first
    return 0
