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

__all__ = ("EARLY", "LATE", "PROGRAM", "at", "look_up", "rows")

EARLY, LATE = 10, 1000
PROGRAM = "value = look_up(key='pears')\nprint('stock of pears:', value)"
_NEAR = 7
_LAST = LATE + _NEAR + 2


def look_up(key: str) -> int:
    """Give how many are in stock.

    Args:
        key: Name of the fruit.
    """
    return {"pears": 12}[key]


def at(step: int, asked: Sequence[float]) -> float:
    """Give what a step took around this one: the median of its neighbours."""
    near = range(step - _NEAR, step + _NEAR + 1)
    return statistics.median(asked[number] - asked[number - 1] for number in near if 0 < number < len(asked))


class _Clock:
    """A model that answers at once and notes when it was asked."""

    name = "clock"

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def reply(self, _: Request, /, *, on_delta: OnDelta | None = None) -> Reply:  # noqa: ARG002
        self.asked.append(time.perf_counter())
        return Reply(content=f"Look it up.\n```python\n{PROGRAM}\n```")


def rows() -> Iterator[Row]:
    """Run both to the last step and compare an early step with a late one."""
    ours, peer = _ours(), peer_probe("steps", str(_LAST), program=PROGRAM)
    early, late = at(EARLY, ours), at(LATE, ours)
    peer_early, peer_late = at(EARLY, peer), at(LATE, peer)
    yield Row(
        name=f"step {EARLY} of a run, beside the model",
        ours=duration(early),
        peer=duration(peer_early),
        ratio=early / peer_early,
    )
    yield Row(name=f"step {LATE:,}", ours=duration(late), peer=duration(peer_late), ratio=late / peer_late)
    growth = late / early
    yield Row(
        name=f"growth from step {EARLY} to {LATE:,}", ours=f"{growth:.2f}", peer=f"{peer_late / peer_early:.2f}",
        ratio=growth, target="≤ 1.5", met=growth <= 1.5,
    )  # fmt: skip


def _ours() -> list[float]:
    model = _Clock()
    with CodeAgent(tools=[look_up], model=model, max_steps=_LAST) as agent:
        agent.run("Count the pears for ever.")
    return model.asked
