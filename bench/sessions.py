"""What the wall and the door cost: the start of a session, one tool call of a program, a hundred at once."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from codeling import CodeAgent, SandboxExecutor
from codeling.protocols import SessionSpec
from codeling.testing import ScriptedModel

from .environment import peer_probe
from .rows import Row, duration

__all__ = ("rows",)

_ROUNDS = 9
_NAP = 0.02
_FIRST = """
import asyncio, time
since = time.perf_counter()
from codeling import SandboxExecutor
from codeling.protocols import SessionSpec
session = asyncio.run(SandboxExecutor().open(SessionSpec()))
print(time.perf_counter() - since)
session.close()
"""
_CALLS = """
import time
look_up('pears')
started = time.perf_counter()
for _ in range(500):
    look_up('pears')
final_answer((time.perf_counter() - started) / 500)
"""
_GATHERED = """
import asyncio, time
started = time.perf_counter()
await asyncio.gather(*[wait_a_little(number) for number in range(100)])
final_answer(time.perf_counter() - started)
"""


def look_up(key: str) -> int:
    """Give how many are in stock."""
    return {"pears": 12}[key]


async def wait_a_little(number: int) -> int:
    """Give the number back after a while."""
    await asyncio.sleep(_NAP)
    return number


def rows() -> Iterator[Row]:
    """Measure each a few times and give the medians."""
    colds = [_cold() for _ in range(3)]
    warms = asyncio.run(_warm())
    yield Row(name="start of a session, first in a process with imports", ours=duration(statistics.median(colds)))
    yield Row(name="start of a session, later ones", ours=duration(statistics.median(warms)))
    call, gathered = (statistics.median(_agent_seconds(program) for _ in range(3)) for program in (_CALLS, _GATHERED))
    peer = peer_probe("program", program=_CALLS)
    yield Row(
        name="one tool call of a program, through the whole door",
        ours=duration(call),
        peer=duration(peer),
        ratio=call / peer,
    )
    yield Row(
        name=f"100 gathered calls of {duration(_NAP)} each", ours=duration(gathered), peer="cannot await",
        ratio=gathered / (100 * _NAP), target="≤ 0.1 of one by one", met=gathered <= 10 * _NAP,
    )  # fmt: skip


async def _warm() -> list[float]:
    executor, taken = SandboxExecutor(), []
    for _ in range(_ROUNDS):
        since = time.perf_counter()
        session = await executor.open(SessionSpec())
        taken.append(time.perf_counter() - since)
        session.close()
    return taken[1:]


def _agent_seconds(program: str) -> float:
    model = ScriptedModel([f"```python\n{program}\n```"])
    with CodeAgent(tools=[look_up, wait_a_little], model=model, max_steps=1) as agent:
        return float(agent.run("Time the calls."))


def _cold() -> float:
    done = subprocess.run([sys.executable, "-c", _FIRST], check=True, capture_output=True, text=True)
    return float(done.stdout)
