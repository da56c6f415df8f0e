"""What a stored run has spent already, so that its limits hold over all its resumptions."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

from ..events import ContextCompacted, Event, ModelReplied, PlanMade, ToolCallFinished, ToolCallStarted
from ..journals.archive import end_of
from ..journals.events import RunResumed, ServerAnswered
from ..limits import Spent
from ..messages import Usage

__all__ = ("elapsed", "spent_before")


async def spent_before(spent: Spent, past: Sequence[Event], journal: Any) -> None:
    """Charge a run's budget, and those above, with what its past has spent.

    The tokens of its own replies are not charged here: the loop charges them as it recalls each.
    """
    calls, models, usage = await _below(past, journal)
    spent.since = time.monotonic() - elapsed(past)
    charged: Spent | None = spent
    while charged:
        charged.tool_calls += calls
        charged.model_calls += models
        charged = charged.parent
    spent.add(usage)


async def _below(past: Sequence[Event], journal: Any) -> tuple[int, int, Usage]:
    """Give the tool calls and model calls of a run and of the finished runs below it, and what those below used."""
    calls = sum(isinstance(event, ToolCallStarted) for event in past)
    asked = [event for event in past if _besides(event)]
    models = len(asked) + sum(isinstance(event, (ModelReplied, PlanMade)) for event in past)
    usage = sum((event.usage for event in asked), Usage())
    ended = {event.call_id for event in past if isinstance(event, ToolCallFinished)}
    for id in {event.nested for event in past if isinstance(event, ToolCallStarted) and event.call.id in ended}:
        below = [event async for event in journal.read(id)] if id else []
        more = await _below(below, journal)
        calls, models = calls + more[0], models + more[1]
        last = end_of(below)
        usage += last.usage if last else more[2]
    return calls, models, usage


def _besides(event: Event) -> TypeGuard[ServerAnswered | ContextCompacted]:
    """Whether a model was asked besides the loop's own questions: for a tool's server, or to shorten what was said."""
    if isinstance(event, ServerAnswered):
        return event.kind == "sampling"
    return isinstance(event, ContextCompacted) and event.summary is not None


def elapsed(past: Iterable[Event]) -> float:
    """Seconds during which the run was under way, without those between its end and a resumption."""
    seconds, last = 0.0, None
    for event in past:
        if last is not None and not isinstance(event, RunResumed):
            seconds += max(event.at - last, 0.0)
        last = event.at
    return seconds
