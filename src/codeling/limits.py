"""Budgets of a run, and what it has spent of them. Nested runs spend from their parent's too."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Literal

from .errors import LimitReached
from .messages import Usage

__all__ = ("Limits", "Spent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that a run, with all runs below it, may spend. None means no limit."""

    model_calls: int | None = None
    tool_calls: int | None = None
    tokens: int | None = None
    """Input and output tokens together."""
    cost: float | None = None
    """US dollars, as far as the model's adapter knows prices."""
    seconds: float | None = None
    """Wall clock from the run's start."""


@dataclass(slots=True, kw_only=True)
class Spent:
    """What a run has spent. Asked before each act, so that no limit is passed by more than that act."""

    limits: Limits
    parent: Spent | None = None
    model_calls: int = 0
    tool_calls: int = 0
    usage: Usage = field(default_factory=Usage)
    since: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.since

    def before(self, act: Literal["model_calls", "tool_calls"], *, below: int = 0) -> None:
        """Charge an act that is about to happen, here and above. Raises `LimitReached`."""
        if below >= _DEEPEST:
            raise LimitReached(f"{_DEEPEST} runs are above this one already: an agent calls itself without end")
        if self.parent:
            self.parent.before(act, below=below + 1)
        with _charging:  # calls come from more threads than one
            if self.limits != _NO_LIMITS:
                spent = {"tokens": self.usage.total_tokens, "cost": self.usage.cost, "seconds": self.seconds}
                for name, amount in {**spent, act: getattr(self, act)}.items():
                    most = getattr(self.limits, name)
                    if most is not None and amount >= most:
                        raise LimitReached(f"the limit on {name.replace('_', ' ')} is reached: {amount:g} of {most:g}")
            setattr(self, act, getattr(self, act) + 1)

    def add(self, usage: Usage) -> None:
        """Note what a reply has cost, here and above."""
        self.usage += usage
        if self.parent:
            self.parent.add(usage)


_charging, _NO_LIMITS, _DEEPEST = threading.Lock(), Limits(), 16
