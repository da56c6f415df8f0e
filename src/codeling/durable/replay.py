"""A run that has a past: it gives what its journal recorded, each thing once, and then goes on.

The loop is the same. While the journal lasts, `emit` and `replayed` give the recorded events of the
loop and `recalled` the results of calls, so that programs run again to rebuild their variables but
nothing is done twice.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any, TypeVar

from ..errors import OutcomeUnknown, ReplayDiverged
from ..events import (
    AnswerRejected,
    CodeStarted,
    Event,
    ModelReplied,
    PlanMade,
    RunStarted,
    StepFinished,
    StepStarted,
    ToolCallDenied,
    ToolCallFinished,
    ToolCallStarted,
)
from ..messages import ToolCall
from ..protocols import Journal
from ..run import Run

__all__ = ("ReplayedRun",)

E = TypeVar("E", bound=Event)

_SPINE = (RunStarted, StepStarted, PlanMade, ModelReplied, CodeStarted, StepFinished, AnswerRejected)
"""The events that the loop itself writes, in an order that a resumed run must repeat."""


class ReplayedRun(Run):
    """A run fed from its journal."""

    def __init__(self, id: str, past: Sequence[Event], *, journal: Journal, **options: Any) -> None:
        super().__init__(id, journal=journal, **options)
        self._spine = deque(event for event in past if isinstance(event, _SPINE))
        self._calls = _calls(past, journal)
        self._key = journal.key

    async def emit(self, event: E) -> E:
        """Record the event, or give the recorded one where the journal has it."""
        if isinstance(event, _SPINE) and (stored := self.replayed(type(event))):
            return stored
        return await super().emit(event)

    def show(self, event: Event) -> None:
        """Show an event, unless it was shown when the run first came here."""
        if event.durable or not self._spine:
            super().show(event)

    def replayed(self, kind: type[E]) -> E | None:
        """Take the loop's next event from the journal. Raises `ReplayDiverged` where it has another one."""
        if not self._spine:
            return None
        event = self._spine.popleft()
        if not isinstance(event, kind):
            raise ReplayDiverged(
                f"run {self.id!r}: its journal has {type(event).__name__} where the run now comes to {kind.__name__}"
            )
        self.note(event)
        return event

    def recalled(self, call: ToolCall, *, repeatable: bool) -> ToolCallFinished | None:
        """Give the recorded end of an equal call, each once, or None if the call must be made.

        Equal is the same name and arguments, whatever the order: programs call in threads.
        Raises `OutcomeUnknown` for one that was begun, never finished, and may not be repeated.
        """
        past = self._calls.get(self._key(call))
        if not past:
            return None
        finished = past.popleft()
        if finished is None:
            if repeatable:
                return None
            raise OutcomeUnknown(
                f"run {self.id!r}: {call.name!r} was begun before the run was cut off and may have acted; "
                "find out whether it did, and decide before resuming"
            )
        self.note(finished)
        return finished


def _calls(past: Sequence[Event], journal: Journal) -> dict[str, deque[ToolCallFinished | None]]:
    ended = {event.call_id: event for event in past if isinstance(event, ToolCallFinished)}
    calls: defaultdict[str, deque[ToolCallFinished | None]] = defaultdict(deque)
    for event in past:
        match event:
            case ToolCallStarted(call=call):
                calls[journal.key(call)].append(ended.get(call.id))
            case ToolCallDenied(call=call, reason=reason):
                calls[journal.key(call)].append(ToolCallFinished(call_id=call.id, error=reason))
    return dict(calls)
