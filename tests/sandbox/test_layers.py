"""Layers of the wall one by one: what holds where the kernel gives less, and what this machine cannot be tested for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from codeling import IsolationUnavailable, SandboxExecutor, UsageError
from codeling.protocols import Outcome, SessionSpec
from codeling.sandbox import macos
from codeling.sandbox.refusals import reason
from codeling.sandbox.wall import Options

from ..walls import need


def options(**more: Any) -> Options:
    """Options of a worker."""
    given: dict[str, Any] = {"isolation": "strong", "memory": 1 << 30, "disk": 1 << 20, "files": 10, "open_files": 64}
    return Options(**{**given, **more})


async def no_calls(call: object) -> None:
    """No program here calls a tool."""
    raise AssertionError


async def step(session: Any, code: str, number: int = 1) -> Outcome:
    """Run a program in a session."""
    done: Outcome = await session.run(code, step=number, on_call=no_calls, on_output=lambda text: None)
    return done


def test_sandboxes_outlive_the_thread_that_started_the_first() -> None:
    """The warm parent lives until the process ends, not until the thread ends in which it was started."""
    need("strong")
    executor = SandboxExecutor(isolation="strong", env={"STARTED": "in a thread"})
    opened: list[Any] = []
    thread = threading.Thread(target=lambda: opened.append(executor._start_sealed()))
    thread.start()
    thread.join()
    try:
        assert asyncio.run(alive_after(0.3, opened[0].pid))
        executor._start_sealed().kill()
    finally:
        opened[0].kill()


async def alive_after(seconds: float, pid: int) -> bool:
    """Whether a process still runs after a while."""
    await asyncio.sleep(seconds)
    return Path(f"/proc/{pid}").exists()


def test_what_a_refusal_says() -> None:
    """It names the layer, and the setting or the kernel that would give it."""
    assert "CONFIG_SECURITY_LANDLOCK" in reason("strong", "OSError: Landlock is not available")
    text = reason("full", "clone 0x7e020000: namespaces are refused")
    assert "isolation='full' cannot be had" in text
    assert "isolation='strong'" in text
    assert "userns" in text or "user.max_user_namespaces" in text or "seccomp profile" in text


def test_where_namespaces_are_refused_full_isolation_is_too() -> None:
    """Without namespaces the default falls to strong, and what was asked for by name is refused with the remedy."""
    need("full")
    code = """
import asyncio
from codeling import IsolationUnavailable, SandboxExecutor
from codeling.protocols import SessionSpec
session = asyncio.run(SandboxExecutor().open(SessionSpec()))
print(session.isolation)
session.close()
for options in ({"isolation": "full"}, {"processes": 2}, {"network": ["example.com:80"]}):
    try:
        asyncio.run(SandboxExecutor(**options).open(SessionSpec()))
    except IsolationUnavailable as error:
        print("refused", "max_user_namespaces" in str(error))
"""
    script = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$0" -c "$1"'
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", script, sys.executable, code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if "max_user_namespaces" in done.stderr or "unshare:" in done.stderr:
        pytest.skip(f"no machine without namespaces can be imitated here: {done.stderr.strip()[-200:]}")

    assert done.stdout.split("\n")[:4] == ["strong", "refused True", "refused True", "refused True"], done.stderr


def test_the_profile_of_macos_denies_by_default() -> None:
    """All is denied first; only what is named is allowed, and no name can add a rule."""
    text = macos.profile(options(read=("/usr/share/dict",), env={}), '/tmp/private (odd) "name"')
    lines = text.splitlines()

    assert lines[:2] == ["(version 1)", "(deny default)"]
    assert "(deny network*)" in lines
    assert "(deny process-fork)" in lines
    assert [line for line in lines if line.startswith("(allow file-write*")] == [
        '(allow file-write* (subpath "/tmp/private (odd) \\"name\\""))'
    ]
    assert not any(
        path in text for path in ('(subpath "/")', f'(subpath "{Path.home()}")', "(allow default)", "(allow network")
    )
    assert text.count("(") == text.count(")") or "(odd)" in text
    with pytest.raises(UsageError, match="control characters"):
        macos.profile(options(), "/tmp/a\n(allow default)")


def test_macos_without_its_launcher_is_refused() -> None:
    """Where there is no sandbox-exec there is no wall, and the refusal says what there is instead."""
    with pytest.raises(IsolationUnavailable, match="MontyExecutor"):
        macos.spawn(options())
    with pytest.raises(UsageError, match="only Linux"):
        macos.spawn(options(isolation="full", processes=1))


def test_threads_are_counted_at_strong_isolation() -> None:
    """More threads than there may be are refused by the kernel, or end the session; the model is told why."""
    need("strong")

    async def work() -> Outcome:
        executor = SandboxExecutor(isolation="strong", memory=1 << 33)
        session = await executor.open(SessionSpec())
        code = "import threading, time\nthreading.stack_size(65536)\nfor _ in range(400):\n    threading.Thread(target=time.sleep, args=(9,), daemon=True).start()\ntime.sleep(5)"
        try:
            return await step(session, code)
        finally:
            session.close()

    error = asyncio.run(work()).error or ""
    assert "more than its 256 threads" in error or "can't start new thread" in error


def test_the_worker_has_a_name_of_its_own() -> None:
    """At full isolation the host's name is not told."""
    need("full")

    async def work() -> Outcome:
        session = await SandboxExecutor(isolation="full").open(SessionSpec())
        try:
            return await step(session, "import platform\nplatform.node()")
        finally:
            session.close()

    assert asyncio.run(work()).value == "'sandbox'"
