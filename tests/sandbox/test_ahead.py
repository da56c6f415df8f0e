"""A worker that is made before it is asked for is a worker as any other, and nobody is handed one that has died."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codeling import SandboxExecutor
from codeling.protocols import SessionSpec

from ..walls import need

PROGRAM = "import random, os; print(random.random(), os.listdir('.'), 'seen' in globals(), hash('a')); seen = 1"


@pytest.fixture(params=["full", "strong"])
def executor(request: pytest.FixtureRequest) -> SandboxExecutor:
    """An executor with a warm parent of its own."""
    need(request.param)
    return SandboxExecutor(isolation=request.param, env={"FOR": str(uuid.uuid4())})


def session(executor: SandboxExecutor, program: str = PROGRAM, seed: int = 0) -> str:
    """Run a program in a session of its own."""

    async def no_calls(call: object) -> None:
        raise AssertionError

    async def work() -> Any:
        opened = await executor.open(SessionSpec(seed=seed))
        try:
            return await opened.run(program, step=1, on_call=no_calls, on_output=lambda text: None)
        finally:
            opened.close()

    outcome = asyncio.run(work())
    assert outcome.error is None
    return str(outcome.output)


def children(pid: int) -> set[int]:
    """The processes that a process has started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")  # each thread has its own
    return {int(word) for of_thread in lists for word in of_thread.read_text().split()}


def until(holds: Callable[[], Any]) -> Any:
    """Wait for something to be true; give it."""
    deadline = time.monotonic() + 30
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def parent_of(executor: SandboxExecutor) -> int:
    """Find this executor's warm parent."""
    before = warm_parents()
    session(executor)
    (parent,) = warm_parents() - before
    return parent


def warm_parents() -> set[int]:
    """The warm parents that this process has."""
    return {pid for pid in children(os.getpid()) if b"zygote" in (Path("/proc") / str(pid) / "cmdline").read_bytes()}


def spare_of(parent: int) -> int:
    """Find what was made ahead, once the workers of sessions before have died."""
    until(lambda: len(children(parent)) == 1)
    (spare,) = children(parent)
    return spare


def test_one_is_made_ahead_and_is_fresh(executor: SandboxExecutor) -> None:
    """After a session there is one worker more, never two; what it runs finds nothing of the sessions before."""
    parent = parent_of(executor)
    told = [session(executor, "open('left', 'w').close()\n" + PROGRAM, seed=1)]
    for _ in range(3):
        spare_of(parent)
        told.append(session(executor, seed=1))
    alone = SandboxExecutor(isolation=executor._options.isolation, env={"FOR": "test_ahead, alone"})

    assert len(set(told[1:])) == 1
    assert "[] False" in told[1]
    assert told[1] == session(alone, seed=1)


def test_one_that_died_is_not_handed_out(executor: SandboxExecutor) -> None:
    """Where it has ended while it waited, the next session is one that works."""
    parent = parent_of(executor)
    spare = spare_of(parent)
    os.kill(spare, signal.SIGKILL)
    until(lambda: spare not in children(parent))

    assert "[] False" in session(executor)


def test_it_ends_with_its_parent(executor: SandboxExecutor) -> None:
    """When the warm parent goes, so does what it had made ahead; the next session has another parent."""
    parent = parent_of(executor)
    spare = spare_of(parent)
    os.kill(parent, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{spare}").exists())

    assert "False" in session(executor)
