"""The filter of system calls, read by a small machine as the kernel reads it, for both architectures."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

INSIDE = Path(__file__).parents[2] / "src" / "codeling" / "sandbox" / "inside"
BUILD = """
import sys
sys.path.insert(0, sys.argv[1])
import json, linux, syscalls
linux.AUDIT, linux.CALLS, linux.HIGHEST = syscalls.ARCHITECTURES[sys.argv[2]]
import seccomp
program = seccomp.complete(seccomp.program(**json.loads(sys.argv[3])), 7)
print(json.dumps([program.hex(), linux.AUDIT, linux.CALLS]))
"""
ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, EACCES, ENOSYS, DONE = 0x50001, 0x5000D, 0x50026, 0x50000
MACHINES = ("x86_64", "aarch64")


class Filter:
    """A filter's program, and what it says of calls."""

    def __init__(self, machine: str, **options: Any) -> None:
        given = json.dumps({"full": True, "landlock": 7, **options})
        command = [sys.executable, "-I", "-c", BUILD, str(INSIDE), machine, given]
        code, self.audit, self.calls = json.loads(
            subprocess.run(command, check=True, capture_output=True, text=True).stdout
        )
        self.lines = list(struct.iter_unpack("HBBI", bytes.fromhex(code)))

    def says(self, call: str | int, *arguments: int, audit: int | None = None) -> int:
        """What becomes of a call with these arguments."""
        number = self.calls[call] if isinstance(call, str) else call
        words = [argument & 0xFFFFFFFFFFFFFFFF for argument in (*arguments, *(0,) * 6)[:6]]
        data = struct.pack("<IIQ6Q", number, self.audit if audit is None else audit, 0, *words)
        place = value = 0
        while True:
            code, then, otherwise, constant = self.lines[place]
            place += 1
            if code == 0x20:
                value = struct.unpack_from("<I", data, constant)[0]
            elif code == 0x54:
                value &= constant
            elif code == 0x05:
                place += constant
            elif code == 0x06:
                return int(constant)
            else:
                yes = {0x15: value == constant, 0x35: value >= constant, 0x45: bool(value & constant)}[code]
                place += then if yes else otherwise


@pytest.mark.parametrize("machine", MACHINES)
def test_what_every_program_may_do(machine: str) -> None:
    """Files, memory, threads, time and its own signals are allowed; what is dangerous about them is not."""
    filter = Filter(machine)
    thread = 0x3D0F00  # as glibc starts threads

    assert all(filter.says(call) == ALLOW for call in ("read", "write", "futex", "munmap", "exit_group", "getrandom"))
    assert filter.says("clone", thread) == ALLOW
    assert [filter.says("clone", flags) for flags in (17, 0x10B00, thread & ~0x400)] == [EPERM] * 3
    others = (0x10000000, 0x20000000, 0x40000000, 0x20000, 0x1000, 0x2000, 0x4000, 0x8000, 0x80000000)
    assert [filter.says("clone", thread | space) for space in others] == [EPERM] * len(others)
    assert filter.says("clone3") == ENOSYS
    assert filter.says("kill", 7, 9) == filter.says("tgkill", 7, 8, 2) == ALLOW
    assert [filter.says("kill", pid, 9) for pid in (0, -1, -7, 1, 8)] == [EPERM] * 5
    assert filter.says("mmap", 0, 4096, 3, 0x22) == ALLOW
    assert filter.says("mmap", 0, 4096, 3, 0x40022) == EPERM
    assert [filter.says("fcntl", 3, command) for command in (0, 4, 5, 1030)] == [ALLOW] * 4
    assert [filter.says("fcntl", 3, command) for command in (8, 10, 15, 37, 1024, 1026, 1031)] == [EPERM] * 7
    assert [filter.says("socketpair", 1, kind) for kind in (1, 0x80001)] == [ALLOW] * 2
    assert [filter.says("socketpair", *kind) for kind in ((1, 2), (1, 5), (2, 1))] == [EACCES] * 3
    assert [filter.says("setsockopt", 3, 1, name) for name in (2, 20)] == [ALLOW] * 2
    assert [filter.says("setsockopt", 3, 1, name) for name in (7, 8, 26, 32, 33)] == [EPERM] * 5
    assert filter.says("prlimit64", 0, 7, 0, 99) == ALLOW
    assert [filter.says("prlimit64", 0, 7, new) for new in (8, 1 << 32)] == [EPERM] * 2


@pytest.mark.parametrize("machine", MACHINES)
def test_what_would_hold_memory_that_no_limit_counts(machine: str) -> None:
    """Memory is shared by files only, pages do not wait in pipes, descriptors not in sockets, and locks are not made."""
    filter, shared = Filter(machine), Filter(machine, shares=True)
    many, online = Filter(machine, processes=True), Filter(machine, network=True)

    assert [filter.says("mmap", 0, 4096, 3, kind) for kind in (0x21, 0x23, 0x8021, 0x100023)] == [EPERM] * 4
    assert [filter.says("mmap", 0, 4096, 3, kind) for kind in (1, 2, 3, 0x12, 0x22, 0x8022)] == [ALLOW] * 6
    assert [filter.says(call) for call in ("splice", "sendfile")] == [0x50016, 0x50058]
    assert [each.says("sendmsg", 3, 0, 0x4040) for each in (filter, shared, many, online)] == [EPERM] * 2 + [ALLOW] * 2
    assert [filter.says("fcntl", 3, command) for command in (6, 7)] == [DONE] * 2
    assert [shared.says("fcntl", 3, command) for command in (5, 6, 7, 36, 37, 38)] == [ALLOW] * 6
    assert [each.says("timer_create") for each in (filter, many, Filter(machine, forks=True))] == [EPERM, ALLOW, ALLOW]
    assert Filter(machine, pairs=False).says("socketpair", 1, 1) == EACCES


@pytest.mark.parametrize("machine", MACHINES)
def test_messages(machine: str) -> None:
    """Streams carry bytes in their order: none out of band, none without a copy, none that opens a connection."""
    filter, online = Filter(machine), Filter(machine, network=True)

    assert [filter.says("sendto", 3, 0, 1, flags) for flags in (0, 0x40, 0x4040, 0x8000)] == [ALLOW] * 4
    for flags in (1, 0x41, 0x4000000, 0x20000000, 0x8000000):
        assert [each.says("sendto", 3, 0, 1, flags) for each in (filter, online)] == [EPERM] * 2
        assert filter.says("recvfrom", 3, 0, 1, flags) == filter.says("recvmsg", 3, 0, flags) == EPERM
        assert online.says("sendmsg", 3, 0, flags) == EPERM
    assert [filter.says("recvfrom", 3, 0, 1, flags) for flags in (0, 2, 0x40, 0x100)] == [ALLOW] * 4


@pytest.mark.parametrize("machine", MACHINES)
def test_what_no_program_may_do(machine: str) -> None:
    """Exec, sockets, other architectures, calls that are not named and calls that are not known."""
    filter = Filter(machine)

    assert [filter.says(call, 2, 1) for call in ("socket", "connect", "bind", "listen", "accept4")] == [EACCES] * 5
    assert [filter.says(call) for call in ("execve", "setsid", "seccomp", "pivot_root", "mount_setattr", "capset")] == [
        EPERM
    ] * 6
    assert filter.says("landlock_restrict_self") == EPERM
    assert filter.says("read", audit=0x40000003) == KILL
    assert filter.says(0x40000000) == KILL
    assert filter.says(451) == filter.says(9999) == ENOSYS
    assert filter.says("openat", -100, 0, 0x241, 0o4755) == EPERM
    assert filter.says("openat", -100, 0, 0x241, 0o644) == filter.says("openat", -100, 0, 0, 0o4755) == ALLOW
    assert filter.says("fchmodat", -100, 0, 0o2755) == EPERM


@pytest.mark.parametrize("machine", MACHINES)
def test_among_the_hosts_files(machine: str) -> None:
    """At strong isolation modes and times are not set, and what old versions of Landlock miss is refused."""
    strong, old = Filter(machine, full=False), Filter(machine, full=False, landlock=2)

    assert strong.says("fchmodat", -100, 0, 0o644) == strong.says("utimensat") == DONE
    assert strong.says("fallocate") == strong.says("getxattr") == 0x5005F
    assert strong.says("truncate") == ALLOW
    assert old.says("truncate") == EACCES
    assert [old.says("openat", -100, 0, flags) for flags in (0x200, 0x203, 0x80200)] == [EACCES] * 3
    assert [old.says("openat", -100, 0, flags) for flags in (0, 0x201, 0x241, 0x402)] == [ALLOW] * 4


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_granted(machine: str) -> None:
    """With processes others may be started and signalled, with a network streams of IPv4 made; nothing else changes."""
    many, online = Filter(machine, processes=True), Filter(machine, network=True)

    granted: list[tuple[Any, ...]] = [("execve",), ("clone", 17), ("kill", -1, 9), ("setsid",)]
    assert [many.says(*call) for call in granted] == [ALLOW] * 4
    assert many.says("clone", 17 | 0x10000000) == EPERM
    assert many.says("socket", 2, 1) == EACCES
    assert [online.says("socket", 2, kind, of) for kind, of in ((1, 0), (0x80801, 6))] == [ALLOW] * 2
    refused: list[tuple[Any, ...]] = [
        ("socket", 2, 2),
        ("socket", 1, 1),
        ("socket", 10, 1),
        ("socket", 2, 1, 262),
        ("bind",),
        ("execve",),
        ("setsockopt", 3, 6, 31),
        ("setsockopt", 3, 1, 26),
    ]
    assert all(online.says(*call) != ALLOW for call in refused)
    assert [online.says("setsockopt", 3, level, name) for level, name in ((6, 1), (1, 9))] == [ALLOW] * 2


@pytest.mark.parametrize("machine", MACHINES)
def test_what_sessions_that_can_be_forked_may_do(machine: str) -> None:
    """A plain copy of the process and threads; no other program, nothing between a copy and a thread, no signal at all."""
    filter = Filter(machine, forks=True)

    assert [filter.says("clone", flags) for flags in (0x1200011, 17, 0x3D0F00)] == [ALLOW] * 3
    odd = (0x1200011 | 0x100, 0x4111, 0x1200011 | 0x8000, 0x1200011 | 0x10000000, 0x1200011 | 0x20000000, 0, 0x80000011)
    assert [filter.says("clone", flags) for flags in odd] == [EPERM] * len(odd)
    assert [filter.says("kill", pid, 9) for pid in (0, -1, 1, 7)] == [EPERM] * 4
    assert [filter.says("tgkill", pid, pid, 9) for pid in (1, 7)] == [EPERM] * 2
    assert [filter.says(call) for call in ("execve", "setsid", "setpgid")] == [EPERM] * 3
