"""What a run gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import Interrupted, RunPaused
from .events import Event, RunFinished, RunState, StepFinished
from .messages import Image, Usage

__all__ = ("RunResult", "Timing", "result_of")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a run was under way, in seconds since the epoch."""

    start_time: float
    end_time: float

    @property
    def duration(self) -> float:
        """Seconds from start to end."""
        return self.end_time - self.start_time


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A run's answer, and how it came about."""

    output: Any
    """The final answer as a Python value; the best one so far where the run did not succeed."""
    state: RunState
    """`success`; `max_steps_error` where the answer was asked for after the last step; or why there is none."""
    run_id: str
    steps: tuple[StepFinished, ...]
    usage: Usage
    timing: Timing
    error: str | None = None
    """Why the run ended, where it did not succeed."""
    events: tuple[Event, ...] = field(default=(), repr=False)

    @property
    def cost(self) -> float:
        """US dollars, as far as prices are known."""
        return self.usage.cost

    def answer(self) -> Any:
        """Give the output. Raises `Interrupted` or `RunPaused` where the run has none to give yet."""
        if self.state in ("interrupted", "paused"):
            error = (RunPaused if self.state == "paused" else Interrupted)(self.error or "the run was interrupted")
            error.result = self
            raise error
        return self.output

    @property
    def artifacts(self) -> tuple[Image, ...]:
        """The pictures that the run's programs showed."""
        return tuple(image for step in self.steps for image in step.images)


def result_of(run_id: str, events: Sequence[Event]) -> RunResult:
    """Read a result off the events of a run that has finished."""
    last = next((event for event in reversed(events) if isinstance(event, RunFinished)), None)
    if last is None:
        raise TypeError(f"run {run_id!r} has not finished")
    steps = tuple(event for event in events if isinstance(event, StepFinished))
    timing = Timing(start_time=events[0].at, end_time=last.at)
    return RunResult(
        output=last.output, state=last.state, run_id=run_id, steps=steps, usage=last.usage, timing=timing,
        error=last.error, events=tuple(events),
    )  # fmt: skip
