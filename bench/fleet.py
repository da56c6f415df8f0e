"""A thousand runs at once in one process, on one agent, each with a sandbox of its own.

Every reply of the scripted model takes a second, so five steps take five seconds where nothing queues. What
is measured is what this adds: seconds, processor time a run, memory of the process with all its sandboxes, and
what is left when it is over. `python -m bench.fleet RUNS` measures one size in this process and prints JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .environment import ROOT, peer_python
from .rows import Row, duration

__all__ = ("rows",)

STEPS, DELAY = 5, 1.0
_WORK = "seen = [*globals().get('seen', ()), look_up('pears')]\nprint(len(seen), sum(seen))"
_END = "final_answer(sum(seen) + look_up('pears'))"
_SIZES = (10, 100, 1000)
_PEER_SIZES = (10, 100)


def look_up(key: str) -> int:
    """Give how many are in stock."""
    return {"pears": 12}[key]


def rows() -> Iterator[Row]:
    """Measure every size in a process of its own, the largest with its memory in a further one."""
    ideal, found = STEPS * DELAY, {size: _child(size) for size in _SIZES}
    small, large = found[_SIZES[0]], found[_SIZES[-1]]
    for size, one in found.items():
        yield Row(
            name=f"{size:,} runs of {STEPS} steps at once, {DELAY:g} s a reply; ratio to the ideal",
            ours=duration(one["seconds"]), ratio=one["seconds"] / ideal,
            target="≤ 1.5", met=one["seconds"] <= 1.5 * ideal and one["right"] == size,
        )  # fmt: skip
    grown = large["cpu"] / _SIZES[-1] / (small["cpu"] / _SIZES[0])
    yield Row(
        name=f"processor time of a run among {_SIZES[-1]:,}, to one among {_SIZES[0]}",
        ours=duration(large["cpu"] / _SIZES[-1]), ratio=grown, target="≤ 1.3", met=grown <= 1.3,
    )  # fmt: skip
    memory = _child(_SIZES[-1], "memory")["memory"]
    yield Row(
        name=f"memory of {_SIZES[-1]:,} runs at once with their sandboxes (PSS)", ours=f"{memory / 2**20:,.0f} MiB",
        target="≤ 4 GiB", met=memory <= 4 << 30,
    )  # fmt: skip
    left = large["left"]
    yield Row(
        name="processes, descriptors, folders left behind", ours=", ".join(str(left[key]) for key in sorted(left)),
        target="0, 0, 0", met=not any(left.values()),
    )  # fmt: skip
    for size in _PEER_SIZES:
        peer, ours = _peer(size), found[size]
        yield Row(
            name=f"{size:,} runs, the peer in threads with its local interpreter: processor time of a run",
            ours=duration(ours["cpu"] / size), peer=duration(peer["cpu"] / size), ratio=ours["cpu"] / peer["cpu"],
        )  # fmt: skip
        yield Row(
            name=f"{size:,} runs, the peer in threads: seconds", ours=duration(ours["seconds"]),
            peer=duration(peer["seconds"]), ratio=ours["seconds"] / peer["seconds"],
        )  # fmt: skip


def _child(*arguments: Any) -> Any:
    command = [sys.executable, "-m", "bench.fleet", *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1])


def _peer(size: int) -> Any:
    command = [str(peer_python()), "-m", "bench.peer_fleet", str(size), str(STEPS), str(DELAY)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1])


def measure(runs: int, *, memory: bool = False) -> Mapping[str, Any]:
    """Do so many runs at once in this process and say what they took."""
    from codeling import CodeAgent
    from codeling.testing import ScriptedModel

    def answer(messages: Any) -> str:
        step = sum(message.role == "assistant" for message in messages) - opening + 1
        return f"```python\n{_END if step >= STEPS else _WORK}\n```"

    # the warm parent, the threads and the imports are a process's own, not a run's
    agent = CodeAgent([look_up], ScriptedModel(answer, delay=DELAY))
    opening = sum(message.role == "assistant" for message in agent._new_form().opening())
    CodeAgent([look_up], ScriptedModel(["```python\nfinal_answer(1)\n```"])).run("Warm up.")
    gc.collect()
    before, cpu, since = _kept(), _cpu(), time.perf_counter()
    sampled: list[int] = []
    over = threading.Event()

    def sample() -> None:
        while not over.wait(2 * DELAY):
            sampled.append(_pss())

    if memory:
        threading.Thread(target=sample, daemon=True).start()
    answers = asyncio.run(_all_of_them(agent, runs))
    over.set()
    seconds = time.perf_counter() - since
    agent.close()
    gc.collect()
    time.sleep(1)  # the last workers are reaped by their parent
    took = _cpu() - cpu
    after = _kept()
    return {
        "seconds": seconds, "cpu": took, "right": answers.count(STEPS * 12), "memory": max(sampled, default=0),
        "left": {key: max(after[key] - before[key], 0) for key in before},
        "own_peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10,
    }  # fmt: skip


async def _all_of_them(agent: Any, runs: int) -> list[Any]:
    return await asyncio.gather(*[agent.arun("How many pears are there in all?") for _ in range(runs)])


def _below(pid: int) -> list[int]:
    """Give the processes below one."""
    children = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            children += [child, *_below(child)]
    return children


def _kept() -> dict[str, int]:
    """Count the processes below this one, its descriptors and its folders."""
    from codeling.sandbox.folders import base_folder

    folders = sum(1 for _ in base_folder(os.getpid()).iterdir())
    return {
        "processes": len(_below(os.getpid())),
        "descriptors": sum(1 for _ in Path("/proc/self/fd").iterdir()),
        "folders": folders,
    }


def _pss() -> int:
    """Bytes of this process and all below it, each shared page counted once."""
    total = 0
    for pid in (os.getpid(), *_below(os.getpid())):
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:  # it has ended
            continue
        total += sum(int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("Pss:"))
    return total


def _cpu() -> float:
    """Seconds of processor time of this process and of all that have been below it."""
    total = sum(os.times()[:2])
    for pid in _below(os.getpid()):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return total


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), memory="memory" in sys.argv)))
