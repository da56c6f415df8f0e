"""Control groups: each session has one where this machine lets us make them, and the kernel holds it to its limits."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from codeling import SandboxExecutor
from codeling.protocols import SessionSpec
from codeling.sandbox import cgroups
from codeling.sandbox.wall import Isolation

from ..walls import need

MIB = 1 << 20


@pytest.fixture
def groups() -> Any:
    """Groups of this process; closed at the end."""
    if why := cgroups.available():
        pytest.skip(why)
    found = cgroups._groups()
    assert isinstance(found, cgroups.Groups)
    return found


def held(group: cgroups.Group, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command that has entered the group first."""
    entries = group.open()
    script = "".join(f"echo 0 > /proc/self/fd/{entry} && " for entry in entries) + 'exec "$@"'
    try:
        return subprocess.run(
            ["sh", "-c", script, "sh", *command], pass_fds=entries, capture_output=True, text=True, check=False
        )
    finally:
        for entry in entries:
            os.close(entry)


def test_memory_beyond_the_limit_is_the_end(groups: cgroups.Groups) -> None:
    """A process that takes more than its group may is killed, and it is known why; less is no matter."""
    group = groups.take(96 * MIB, 8)
    done = held(group, sys.executable, "-c", "print(len(bytes(30 << 20)))")
    assert done.stdout.split() == [str(30 * MIB)], done.stderr
    assert group.end() is None

    group.begin()
    done = held(group, sys.executable, "-c", "x = bytearray(b'x' * (200 << 20))")
    assert done.returncode == -signal.SIGKILL
    assert group.end() == "its processes used more than their 96 MiB of memory"


def test_memory_of_all_processes_together(groups: cgroups.Groups) -> None:
    """Four processes that take little each pass the limit together."""
    code = "import os, time\nfor _ in range(4): os.fork()\nx = bytearray(b'x' * (20 << 20))\ntime.sleep(2)"
    group = groups.take(128 * MIB, 64)
    held(group, sys.executable, "-c", code)

    assert "more than their 128 MiB" in str(group.end())


def test_processes_beyond_the_limit_are_refused(groups: cgroups.Groups) -> None:
    """No more processes can be started than the group may have, by root neither."""
    code = "import os, time\nn = 1\ntry:\n    while n < 100:\n        if not os.fork(): time.sleep(5); os._exit(0)\n        n += 1\nexcept OSError as error:\n    print(n, error.strerror, flush=True)\nos.kill(0, 9)"
    group = groups.take(256 * MIB, 12)
    done = held(group, "setsid", sys.executable, "-c", code)
    group.end()

    assert done.stdout.split()[0] == "12"
    assert "unavailable" in done.stdout


def test_a_group_is_used_again(groups: cgroups.Groups) -> None:
    """A group whose session has ended holds the next one with the same limits; one that is in use holds no other."""
    first, second = groups.take(70 * MIB, 9), groups.take(70 * MIB, 9)
    assert first is not second
    first.end()
    assert groups.take(80 * MIB, 9) is not first
    assert groups.take(70 * MIB, 9) is first


@pytest.mark.parametrize(("isolation", "processes"), [("full", 0), ("strong", 0), ("full", 4)])
def test_sessions_are_held_by_groups(groups: cgroups.Groups, isolation: Isolation, processes: int) -> None:
    """A session, with all that it starts, is in a group of its own, with the limits that were asked for."""
    need(isolation)

    async def work() -> tuple[set[str], int, int]:
        executor = SandboxExecutor(isolation=isolation, processes=processes, memory=256 * MIB, disk=8 * MIB)
        session: Any = await executor.open(SessionSpec())
        try:
            connection = session._connection
            pids = [connection.pid, *children(connection.pid)]
            for _ in range(200):
                inside = {group for pid in pids for group in own(pid)}
                if all(f"-{os.getpid()}/" in group for group in inside):
                    break
                time.sleep(0.05)
            return inside, connection._group.memory, connection._group.tasks
        finally:
            session.close()

    inside, memory, tasks = asyncio.run(work())
    assert all(f"-{os.getpid()}/" in group for group in inside)
    assert memory == 264 * MIB
    assert tasks == (processes + 2 if processes else 256)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def own(pid: int) -> list[str]:
    """The groups of a process that hold memory and tasks."""
    lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    second = isinstance(cgroups.places(), dict) and len(set(dict(cgroups.places()).values())) == 1  # type: ignore[arg-type]
    names = {""} if second else {"memory", "pids"}
    return [path for _, controllers, path in lines if names & set(controllers.split(","))]


def test_nothing_is_left_of_groups(groups: cgroups.Groups) -> None:
    """A process takes its groups away at its end; of one that was killed, the next one does."""
    code = """
import asyncio, os, sys
from codeling import SandboxExecutor
from codeling.protocols import SessionSpec
session = asyncio.run(SandboxExecutor(isolation="strong").open(SessionSpec()))
session.close()
print(os.getpid(), flush=True)
if len(sys.argv) > 1: os.kill(os.getpid(), 9)
"""
    places = cgroups.places()
    assert not isinstance(places, str)
    folders = {str(path) for path in places.values()}
    killed: list[Path] = []
    for argument in (["killed"], []):
        said = subprocess.run([sys.executable, "-c", code, *argument], capture_output=True, text=True, check=False)
        pid = said.stdout.split()[0]
        left = [path for folder in folders for path in Path(folder).glob(f"codeling-*-{pid}")]
        assert len(left) == (len(folders) if argument else 0)
        killed = left or killed

    assert [path for path in killed if path.exists()] == []


FIRST = "cgroup {0}/memory cgroup rw,memory 0 0\ncgroup {0}/pids cgroup rw,pids 0 0\n"


@pytest.mark.parametrize(
    ("mounts", "own_groups", "why"),
    [
        ("proc /proc proc rw 0 0\n", "0::/\n", "no cgroup is mounted"),
        (
            "cgroup2 {0}/none cgroup2 rw 0 0\n",
            "0::/user.slice\n",
            "this process's cgroup has no memory and pids controller",
        ),
        ("cgroup2 {0}/second cgroup2 rw 0 0\n", "0::/a/b\n", "no part of the tree is delegated"),
        ("cgroup2 {0}/none cgroup2 rw 0 0\n" + FIRST, "0::/\n1:memory:/missing\n2:pids:/\n", "has no memory and pids"),
        ("", "", "no cgroup is mounted"),
    ],
)
def test_why_there_are_none(tmp_path: Path, mounts: str, own_groups: str, why: str) -> None:
    """Where no group can be made it is said which part is missing, whatever this machine's files look like."""
    (tmp_path / "second/a/b").mkdir(parents=True)
    for folder in ("second/a/b", "second/a", "second"):
        (tmp_path / folder / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "mounts").write_text(mounts.format(tmp_path))
    (tmp_path / "cgroup").write_text(own_groups)

    assert why in str(cgroups.places(tmp_path))


def test_where_they_are(tmp_path: Path) -> None:
    """Version 2 is taken where it has both controllers, beside our own group; else version 1, where both are writable."""
    for folder in ("memory/x", "pids", "second/own"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "second/own/cgroup.controllers").write_text("memory pids\n")
    (tmp_path / "second/cgroup.subtree_control").write_text("")
    (tmp_path / "mounts").write_text(f"cgroup2 {tmp_path}/second cgroup2 rw 0 0\n" + FIRST.format(tmp_path))
    (tmp_path / "cgroup").write_text("2:memory:/x\n1:pids:/\n0::/own\n")
    assert cgroups.places(tmp_path) == {"memory": tmp_path / "second", "pids": tmp_path / "second"}

    (tmp_path / "second/own/cgroup.controllers").write_text("hugetlb\n")
    assert cgroups.places(tmp_path) == {"memory": tmp_path / "memory/x", "pids": tmp_path / "pids"}
