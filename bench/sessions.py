"""What the wall and the door cost: the start of a session, one tool call of a program, a hundred at once."""

from __future__ import annotations

import asyncio
import json
import socket
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
_TURNS = 15
"""Turns at the door: what else this machine does changes from second to second, and the best turn is the least disturbed."""
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
_EACH = """
import statistics, time
def one():
    started = time.perf_counter()
    TOOL('pears')
    return time.perf_counter() - started
[one() for _ in range(100)]
final_answer(statistics.median([one() for _ in range(400)]))
"""
_THOUSAND = """
import asyncio, time
async def all_of_them():
    started = time.perf_counter()
    await asyncio.gather(*[wait_a_second(number) for number in range(1000)])
    return time.perf_counter() - started
await asyncio.gather(*[look_up_soon('pears') for _ in range(10)])
final_answer(await all_of_them())
"""
_THREADS = """
import time
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(100) as pool:
    list(pool.map(look_up, ['pears'] * 100))
    started = time.perf_counter()
    list(pool.map(wait_a_second, range(100)))
    final_answer(time.perf_counter() - started)
"""
_PINGS = """
import json, os, statistics, sys, time
def one(number):
    started = time.perf_counter()
    body = json.dumps({'t': 'call', 'id': number, 'name': 'look_up', 'args': ['pears'], 'kw': {}}).encode()
    os.write(3, len(body).to_bytes(4, 'little') + body)
    json.loads(os.read(3, 65536)[4:])
    return time.perf_counter() - started
[one(number) for number in range(100)]
print(statistics.median([one(number) for number in range(400)]))
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


async def look_up_soon(key: str) -> int:
    """Give how many are in stock."""
    return {"pears": 12}[key]


async def wait_a_second(number: int) -> int:
    """Give the number back after a second."""
    await asyncio.sleep(1)
    return number


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
    yield from _door()
    yield from _at_once()
    yield Row(
        name=f"100 gathered calls of {duration(_NAP)} each", ours=duration(gathered), peer="cannot await",
        ratio=gathered / (100 * _NAP), target="≤ 0.1 of one by one", met=gathered <= 10 * _NAP,
    )  # fmt: skip


def _door() -> Iterator[Row]:
    """One call of a plain tool and of an async one beside the bare wire: the same frames over a blocking socket."""
    programs = {kind: _EACH.replace("TOOL", name) for kind, name in (("plain", "look_up"), ("async", "look_up_soon"))}
    turns = [(_ping(), *(_agent_seconds(program) for program in programs.values())) for _ in range(_TURNS)]
    bare = min(turn[0] for turn in turns)
    yield Row(name=f"the bare wire, there and back (best median of {_TURNS})", ours=duration(bare))
    for place, kind in enumerate(programs, 1):
        best = min(turn[place] for turn in turns)
        yield Row(
            name=f"one call of {kind} tools, best median of {_TURNS}, beside the bare wire", ours=duration(best), ratio=best / bare,
            target="≤ 80 µs", met=best <= 80e-6,
        )  # fmt: skip


def _ping() -> float:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = subprocess.Popen(
            [sys.executable, "-I", "-c", f"import os; os.dup2({theirs.fileno()}, 3)\n{_PINGS}"],
            pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        theirs.close()
        while frame := ours.recv(1 << 16):
            body = json.dumps({"t": "ret", "id": json.loads(frame[4:])["id"], "val": 12}).encode()
            ours.sendall(len(body).to_bytes(4, "little") + body)
        return float(child.communicate()[0])


def _at_once() -> Iterator[Row]:
    """Calls that take a second each, all at once, beside the tools alone."""

    async def alone() -> float:
        since = time.perf_counter()
        await asyncio.gather(*[wait_a_second(number) for number in range(1000)])
        return time.perf_counter() - since

    for name, program in (("1,000 gathered calls", _THOUSAND), ("100 calls from 100 threads", _THREADS)):
        ratio = statistics.median(_agent_seconds(program) / asyncio.run(alone()) for _ in range(3))
        yield Row(
            name=f"{name} of 1 s each, the tools alone being 1", ours=f"{ratio:.2f}", ratio=ratio,
            target="≤ 1.15", met=ratio <= 1.15,
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
    with CodeAgent(tools=[look_up, look_up_soon, wait_a_little, wait_a_second], model=model, max_steps=1) as agent:
        return float(agent.run("Time the calls."))


def _cold() -> float:
    done = subprocess.run([sys.executable, "-c", _FIRST], check=True, capture_output=True, text=True)
    return float(done.stdout)
