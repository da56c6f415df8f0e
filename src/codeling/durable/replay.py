"""A run that has a past: it gives what its journal recorded, each thing once, and then goes on.

The loop is the same. While the journal lasts, `emit` and `replayed` give the recorded events of the
loop and `recalled` how far calls came, so that programs run again to rebuild their variables but
nothing is done twice. What a program does otherwise than before is a `Diverged` event; the journal's
word stands, and a call that would act where none was recorded is refused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar, runtime_checkable

from ..errors import OutcomeUnknown, ReplayDiverged
from ..events import (
    AnswerRejected,
    CodeStarted,
    ContextCompacted,
    Event,
    ModelReplied,
    PlanMade,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    ToolCallFinished,
    ToolCallStarted,
)
from ..journals.events import Diverged, OutcomeSettled, RunResumed
from ..lookup import load
from ..messages import ToolCall
from ..protocols import Approval, Journal
from ..run import Run
from ..tools import Tool
from .calls import Record, always_allowed, records_of
from .comparing import call_line, differences
from .settling import Rule, Settlement

__all__ = ("ReplayedRun",)

E = TypeVar("E", bound=Event)

_SPINE = (
    RunStarted, StepStarted, ContextCompacted, PlanMade, ModelReplied, CodeStarted, StepFinished, AnswerRejected,
)  # fmt: skip
"""The events that the loop itself writes, in an order that a resumed run must repeat."""


@runtime_checkable
class Clocked(Protocol):
    """A session that can tell a program another time than the machine's."""

    clock: float | None
    """The time at which the next program begins, in seconds since the epoch."""


class ReplayedRun(Run):
    """A run fed from its journal."""

    def __init__(
        self, id: str, past: Sequence[Event], *, journal: Journal, settle: Rule | None = None, **options: Any
    ) -> None:
        super().__init__(id, journal=journal, **options)
        self.settle = settle
        self._spine = deque(event for event in past if isinstance(event, _SPINE))
        self._whole = {event.step for event in past if isinstance(event, StepFinished)}
        """The steps that came to their end: no call can be missing from the journal there."""
        self._calls = records_of(past, journal.key)
        self._made = {event.call.id for event in past if isinstance(event, ToolCallStarted)}
        self._key = journal.key
        self._step, self.live = 0, False
        self._begun: set[str] = set()
        """The calls that have begun in this process, by id."""
        self.allowed = always_allowed(past)

    async def emit(self, event: E) -> E:
        """Record the event, or give the recorded one where the journal has it."""
        if isinstance(event, ToolCallFinished) and self._step in self._whole and event.call_id not in self._begun:
            event = replace(event, run_id=self.id, at=self.events[-1].at)  # its arguments did not fit then either
            self.note(event)
            return event
        if not isinstance(event, _SPINE) or not (stored := self.replayed(type(event))):
            if isinstance(event, StepFinished):
                await self._tell_unmade(event.step)
            if isinstance(event, RunFinished) and event.state == "success" and self._spine:
                left = type(self._spine[0]).__name__
                await self.diverged(Diverged(step=self._step, what="end", expected=left))
            return await super().emit(event)
        if isinstance(stored, RunStarted):
            await super().emit(RunResumed())
        elif isinstance(stored, (CodeStarted, StepFinished)):
            session: object = self.session
            if isinstance(stored, CodeStarted) and isinstance(session, Clocked):
                session.clock = stored.at
            for what, expected, found in differences(stored, event, self._key):
                await self.diverged(Diverged(step=stored.step, what=what, expected=expected, found=found))
            if isinstance(stored, StepFinished):
                await self._tell_unmade(stored.step)
        return stored

    async def diverged(self, event: Diverged) -> None:
        """Record that the run does not repeat itself."""
        await super().emit(event)

    def note(self, event: Event) -> None:
        """Take in an event that is stored."""
        if isinstance(event, StepStarted):
            self._step = event.step
        if isinstance(event, ToolCallStarted):
            self._begun.add(event.call.id)
        super().note(event)

    def show(self, event: Event) -> None:
        """Show an event, unless it was shown when the run first came here."""
        if event.durable or self.live:
            super().show(event)

    def replayed(self, kind: type[E]) -> E | None:
        """Take the loop's next event from the journal. Raises `ReplayDiverged` where it has another one."""
        while self._spine and isinstance(self._spine[0], ContextCompacted):
            self.note(self._spine.popleft())
        if not self._spine:
            self.live = True
            return None
        event = self._spine.popleft()
        self.live = not self._spine  # of the last step nobody knows whether everybody heard of it
        if not isinstance(event, kind):
            raise ReplayDiverged(
                f"run {self.id!r}: its journal has {type(event).__name__} where the run now comes to {kind.__name__}; "
                "resume it with the kind of agent that began it and its planning_interval, or fork it before that step"
            )
        self.note(event)
        return event

    async def recalled(self, call: ToolCall, tool: Tool) -> ToolCallFinished | ToolCallStarted | Approval | None:
        """Give how far an equal call of this step came, each once, or None where it is new.

        Equal is the same name and arguments, whatever the order: programs call in threads.
        Raises `OutcomeUnknown` for one that was begun, never finished, may not be repeated and is
        not settled; `ReplayDiverged` for a call that acts where the journal holds none.
        """
        queue = self._calls.get((self._step, self._key(call)))
        if not queue:
            await self._check_new(call, tool)
            return None
        record = queue.popleft()
        if record.finished:
            return self._again(record, record.finished, call)
        if record.started is None:
            return record.approval
        if tool.resumes or record.repeat or tool.effect in ("read", "idempotent"):
            return ToolCallStarted(call=call, arguments=record.started.arguments, nested=record.started.nested)
        return await self._settled(call, record)

    def _again(self, record: Record, finished: ToolCallFinished, call: ToolCall) -> ToolCallFinished:
        if record.started:
            self.note(replace(record.started, call=call))  # the call that ends, by its id of today
        finished = ToolCallFinished(
            run_id=self.id, at=finished.at, call_id=call.id, value=finished.value, error=finished.error,
            seconds=finished.seconds,
        )  # fmt: skip
        self.note(replace(record.denied, call=call) if record.denied else finished)
        return finished

    async def _settled(self, call: ToolCall, record: Record) -> ToolCallFinished | ToolCallStarted:
        """Have a person or a rule say what became of a call that was cut off. Raises `OutcomeUnknown`."""
        said: Settlement | None = await load("codeling.durable.settling:said")(self.settle, call)
        if said is None:
            top = load("codeling.teams.nesting:top")(self)
            raise OutcomeUnknown(
                f"run {self.id!r}: {call_line(call)} was begun before the run was cut off and may have acted; find "
                f"out whether it did, then resume run {top!r} with settle={{{call.name!r}: Settlement(value=…)}}, or "
                "'repeat', or 'fail'"
            )
        await super().emit(OutcomeSettled(call=call, repeat=said.repeat, value=said.value, error=said.error))
        if said.repeat and record.started:
            return ToolCallStarted(call=call, arguments=record.started.arguments, nested=record.started.nested)
        return self._again(record, ToolCallFinished(call_id=call.id, value=said.value, error=said.error), call)

    async def _check_new(self, call: ToolCall, tool: Tool) -> None:
        if self._step not in self._whole:
            return
        await self.diverged(Diverged(step=self._step, what="call", found=call_line(call)))
        if tool.effect != "read":
            top = load("codeling.teams.nesting:top")(self)
            fork = f"before that step: fork({self.id!r}, {self._step})"
            fork = fork if top == self.id else f"{top!r}, which is above it, before the step that called this agent"
            raise ReplayDiverged(
                f"run {self.id!r}: step {self._step}, when it ran again, called {call_line(call)}, which its journal "
                f"does not hold; nothing was done. Fork the run {fork}"
            )

    async def _tell_unmade(self, step: int) -> None:
        """Say which recorded calls of a step were not made again, but for those of a call that was itself recalled."""
        for (at, _), queue in self._calls.items():
            while at == step and queue:
                call = queue.popleft().call
                if call.id.rpartition("/")[0] not in self._made:
                    await self.diverged(Diverged(step=step, what="call", expected=call_line(call)))
