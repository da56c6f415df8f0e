"""What this machine can give of the wall, layer by layer: each is looked up or tried, none is guessed."""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ..errors import EndsRun
from ..lookup import load
from ..protocols import SessionSpec
from . import cgroups
from .refusals import namespaces_remedy

__all__ = ("Layer", "layers", "walls")

_INSIDE = Path(__file__).parent / "inside"
_PROBE = """
import os, sys
sys.path.insert(0, sys.argv[1])
import linux
if sys.argv[2] == "landlock":
    print(linux.landlock_abi())
elif sys.argv[2] == "seccomp":
    import seccomp
    plan = linux.Plan()
    linux.no_new_privileges(plan)
    seccomp.install(plan, seccomp.complete(seccomp.program(full=False, landlock=1), os.getpid()))
    plan.run()
    try:
        os.fork()
    except PermissionError:
        print("refuses")
else:
    linux.unshare(int(sys.argv[2], 16) | (0 if os.getuid() == 0 else linux.NEWUSER))
    print("ok")
"""
_NAMESPACES = {
    "user": "10000000", "mount": "20000", "pid": "20000000", "net": "40000000", "ipc": "8000000", "uts": "4000000",
    "cgroup": "2000000",
}  # fmt: skip
_LANDLOCK = {
    1: "files",
    2: "moves between folders",
    3: "truncation",
    4: "TCP",
    5: "device control",
    6: "signals and abstract sockets",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of the wall on this machine."""

    name: str
    there: bool
    detail: str


def layers() -> list[Layer]:
    """Look at every layer of the wall of Linux."""
    if sys.platform != "linux":
        return [Layer(name="Linux", there=False, detail=f"this is {sys.platform}; its wall has no such layers")]
    return [_machine(), *_namespaces(), _landlock(), _seccomp(), _cgroup(), _pidfd()]


def _machine() -> Layer:
    known = platform.machine() in ("x86_64", "aarch64")
    return Layer(
        name="system calls",
        there=known,
        detail=f"{platform.machine()}, {'known' if known else 'not known'} to the filter",
    )


def _namespaces() -> list[Layer]:
    found = {name: _probe(flag) == "ok" for name, flag in _NAMESPACES.items()}
    missing = [name for name, there in found.items() if not there]
    detail = ", ".join(name for name, there in found.items() if there) or "none"
    if missing:
        detail += f"; refused: {', '.join(missing)} ({namespaces_remedy()})"
    return [Layer(name="namespaces", there=not missing, detail=detail)]


def _landlock() -> Layer:
    answer = _probe("landlock")
    version = int(answer) if answer.isdigit() else 0
    covers = ", ".join(what for since, what in _LANDLOCK.items() if version >= since)
    lacks = ", ".join(what for since, what in _LANDLOCK.items() if version < since)
    detail = f"version {version}: {covers}" + (f"; not {lacks} (a newer kernel has it)" if lacks else "")
    return Layer(
        name="Landlock",
        there=version > 0,
        detail=detail if version else "the kernel has none (lsm=landlock, Linux 5.13+)",
    )


def _seccomp() -> Layer:
    there = _probe("seccomp") == "refuses"
    return Layer(name="seccomp", there=there, detail="the filter holds" if there else "a filter cannot be set")


def _cgroup() -> Layer:
    why = cgroups.available()
    return Layer(name="cgroups", there=why is None, detail=why or "memory and tasks of each session are held once more")


def _pidfd() -> Layer:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        return Layer(name="pidfd", there=False, detail=f"{error.strerror} (Linux 5.3+)")
    return Layer(name="pidfd", there=True, detail="the host holds each worker by its descriptor")


def _probe(what: str) -> str:
    command = [sys.executable, "-I", "-c", _PROBE, str(_INSIDE), what]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout.strip()


def walls() -> dict[str, str]:
    """Try each wall: start a sealed worker and have it compute something. "works", or why it does not."""
    return {name: asyncio.run(_try(name)) for name in ("full", "strong")}


async def _try(isolation: str) -> str:
    executor = load("codeling.executors.sandbox:SandboxExecutor")(isolation=isolation)
    try:
        session = await executor.open(SessionSpec())
        try:
            outcome = await session.run("6 * 7", step=1, on_call=_no_calls, on_output=lambda text: None)
        finally:
            session.close()
    except EndsRun as error:
        return f"does not work: {error}"
    return "works" if outcome.value == "42" else f"does not work: {outcome.error or 'a program gave no answer'}"


async def _no_calls(call: object) -> None:
    raise AssertionError("the program calls nothing")
