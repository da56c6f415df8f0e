"""What one step of a run costs beside the model, and whether it grows with the run.

A scripted model answers at once with the same small program: one tool call, one line printed. A step is
the time from one question to the model to the next. Ours runs in the default sandbox, the peer's in its
own local interpreter.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence

from codeling import CodeAgent, Reply
from codeling.messages import Request
from codeling.protocols import OnDelta

from .environment import peer_probe
from .rows import Row, duration

__all__ = ("rows",)

_EARLY, _LATE = 10, 1000
_NEAR = 7
_SHORT_RUNS = 7
_PROGRAM = "value = look_up(key='pears')\nprint('stock of pears:', value)"


def look_up(key: str) -> int:
    """Give how many are in stock.

    Args:
        key: Name of the fruit.
    """
    return {"pears": 12}[key]


class _Clock:
    """A model that answers at once and notes when it was asked."""

    name = "clock"

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def reply(self, _: Request, /, *, on_delta: OnDelta | None = None) -> Reply:
        self.asked.append(time.perf_counter())
        return Reply(content=f"Look it up.\n```python\n{_PROGRAM}\n```")


def rows() -> Iterator[Row]:
    """Take an early step from several short runs and a late one from one long run, the medians of each."""
    lengths = [_EARLY + _NEAR] * _SHORT_RUNS + [_LATE + _NEAR]
    early, late = _early_and_late([_ours(length) for length in lengths])
    asked = peer_probe("steps", *map(str, lengths), program=_PROGRAM)
    peer_early, peer_late = _early_and_late(asked)
    name = "of a scripted run, beside the model"
    yield _row(f"step {_EARLY} {name}", early, peer_early)
    yield _row(f"step {_LATE:,} {name}", late, peer_late)
    growth = late / early
    yield Row(
        name=f"growth from step {_EARLY} to {_LATE:,}", ours=f"{growth:.2f}", peer=f"{peer_late / peer_early:.2f}",
        ratio=growth, target="≤ 1.5", met=growth <= 1.5,
    )  # fmt: skip


def _early_and_late(runs: Sequence[Sequence[float]]) -> tuple[float, float]:
    *short, long = runs
    early = (took for asked in short for took in _around(_EARLY, asked))
    return statistics.median(early), statistics.median(_around(_LATE, long))


def _around(step: int, asked: Sequence[float]) -> Iterator[float]:
    """Give what this step and its neighbours took: from one question to the model to the next."""
    for number in range(step - _NEAR, step + _NEAR):
        yield asked[number + 1] - asked[number]


def _row(name: str, ours: float, peer: float) -> Row:
    return Row(name=name, ours=duration(ours), peer=duration(peer), ratio=ours / peer)


def _ours(length: int) -> list[float]:
    model = _Clock()
    with CodeAgent(tools=[look_up], model=model, max_steps=length) as agent:
        agent.run("Count the pears for ever.")
    return model.asked
