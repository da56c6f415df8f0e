"""CPU-bound programs inside the default executor beside plain CPython, and inside the peer's interpreter.

Each program times its own work, in processor seconds so that a busy machine counts less, and hands them
to `final_answer`. Ours and a plain child of the same interpreter take turns on the same size. The peer's
interpreter is measured on a small size, beside a plain child on that size, for it would take minutes on
the large one and refuses long programs.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from codeling import CodeAgent, SandboxExecutor
from codeling.testing import ScriptedModel

from .environment import peer_probe, peer_python
from .rows import Row

__all__ = ("PROGRAMS", "Program", "rows")

_ROUNDS = 15
"""Many short turns: some of each side's meet the machine undisturbed, and the best of them count."""
_TARGET = 0.95
_FINAL = "final_answer = lambda value: print(repr(value))\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Work as source text in which `n` is its size."""

    name: str
    work: str
    large: int
    small: int
    """What the peer's interpreter can do in a few seconds."""
    judged: bool = True
    """Whether the target is about it; a library's own compiled work is shown beside."""

    def source(self, size: int) -> str:
        """Give the whole program, which times itself."""
        imports, work = (part.strip("\n") for part in self.work.split("---"))
        lines = (imports, "import time", f"n = {size}", "started = time.process_time()", work)
        return "\n".join((*lines, "final_answer(time.process_time() - started)"))


PROGRAMS = (
    Program(
        name="loops and recursion", large=27, small=11,
        work="""
def fibonacci(k):
    return k if k < 2 else fibonacci(k - 1) + fibonacci(k - 2)
---
total = fibonacci(n)
for a in range(n * n):
    for b in range(n * 30):
        total = (total * 31 + a * b) % 1000003
""",
    ),
    Program(
        name="string building", large=200_000, small=2_000,
        work="""
---
parts = []
text = ''
for number in range(n):
    word = f'{number:x}-{number % 7}'
    parts.append(word.upper().replace('-', '_'))
    text = (text + word)[-200:]
length = len(' '.join(parts))
""",
    ),
    Program(
        name="json", large=6_000, small=100,
        work="""
import json
---
for turn in range(n // 10):
    data = [{'id': k, 'name': 'item ' + str(k), 'tags': ['a', 'b'], 'price': k / 3} for k in range(100)]
    data = json.loads(json.dumps(data, sort_keys=True))
    total = sum([item['price'] for item in data])
""",
    ),
    Program(
        name="regex", large=40_000, small=300,
        work="""
import re
---
found = 0
for number in range(n):
    line = f'2024-03-{number % 28 + 1:02} host{number} GET /path/{number}?q={number * 7} 200'
    match = re.match(r'(\\d+)-(\\d+)-(\\d+) (\\w+) (GET|POST) (\\S+) (\\d{3})', line)
    found = found + len(match.group(6)) + len(re.findall(r'[a-z]+', line))
""",
    ),
    Program(
        name="sorting", large=60_000, small=800,
        work="""
---
seed = 1
values = []
for _ in range(n):
    seed = (seed * 1103515245 + 12345) % 2147483648
    values.append((seed % 1000, str(seed)))
by_text = sorted(values, key=lambda pair: pair[1])
by_both = sorted(values, key=lambda pair: (-pair[0], pair[1]))
ranks = {pair: rank for rank, pair in enumerate(by_both)}
moved = sum([abs(ranks[pair] - place) for place, pair in enumerate(by_text)])
""",
    ),
    Program(
        name="numpy", large=20, small=10, judged=False,
        work="""
import numpy
---
values = numpy.linspace(0, 1, 200_000)
for _ in range(n):
    total = float(numpy.sqrt(numpy.sin(values) ** 2 + numpy.cos(values)).sum())
""",
    ),
    Program(
        name="pandas group-by", large=25, small=4, judged=False,
        work="""
import numpy, pandas
---
frame = pandas.DataFrame({'key': numpy.arange(200_000) % 97, 'value': numpy.linspace(0, 1, 200_000)})
for _ in range(n):
    means = frame.groupby('key')['value'].mean().sort_values()
""",
    ),
)  # fmt: skip


def rows() -> Iterator[Row]:
    """Give each program's speed, plain CPython's being 1: the best of all turns, and the median of each turn's."""
    for program in PROGRAMS:
        plain, ours = _turns(program)
        best = min(plain) / min(ours)
        middle = statistics.median(p / o for p, o in zip(plain, ours, strict=True))
        yield Row(
            name=f"speed of {program.name} (CPython = 1)", ours=f"{best:.2f} best, {middle:.2f} median",
            peer=_peer_speed(program), ratio=best, target=f"≥ {_TARGET}" if program.judged else "",
            met=best >= _TARGET if program.judged else None,
        )  # fmt: skip


def _turns(program: Program) -> tuple[list[float], list[float]]:
    source = program.source(program.large)
    plain, ours = [], []
    for turn in range(_ROUNDS):
        if turn % 2:
            ours.append(_ours(source))
        plain.append(_plain(Path(sys.executable), source))
        if not turn % 2:
            ours.append(_ours(source))
    return plain, ours


def _ours(source: str) -> float:
    model = ScriptedModel([f"```python\n{source}\n```"])
    with CodeAgent(tools=[], model=model, executor=SandboxExecutor(), max_steps=1) as agent:
        return float(agent.run("Time the program."))


def _plain(python: Path, source: str) -> float:
    done = subprocess.run([python, "-c", _FINAL + source], check=True, capture_output=True, text=True)
    return float(done.stdout)


def _peer_speed(program: Program) -> str:
    python, source = peer_python(), program.source(program.small)
    plain = min(_plain(python, source) for _ in range(3))
    seconds = peer_probe("program", program=source)
    if isinstance(seconds, str):
        return "cannot run it"
    return f"{plain / seconds:.2g} (1/{seconds / plain:.0f})"
