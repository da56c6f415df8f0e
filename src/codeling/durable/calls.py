"""How far the calls of a stored run came, read off its events.

A call is found again by its step, name and arguments, and by how many equal ones there are. Ids only tie
the events of one process together: the next process may give the same id to another call, so whatever
was under way when a run was resumed is dead from then on.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..events import (
    ApprovalRequested,
    ApprovalResolved,
    Event,
    RunContinued,
    StepStarted,
    ToolCallDenied,
    ToolCallFinished,
    ToolCallStarted,
)
from ..journals.events import OutcomeSettled, RunResumed
from ..messages import ToolCall
from ..protocols import Approval

__all__ = ("Record", "always_allowed", "in_order", "records_of")

Key = tuple[int, str]


@dataclass(slots=True, eq=False)
class Record:
    """One call, as far as it came."""

    call: ToolCall
    step: int
    approval: Approval | None = None
    started: ToolCallStarted | None = None
    finished: ToolCallFinished | None = None
    denied: ToolCallDenied | None = None
    repeat: bool = False
    """Somebody said that it did not happen and is to be made again."""

    @property
    def empty(self) -> bool:
        """Whether nothing of it needs to be kept: it was asked about and nobody answered."""
        return not (self.approval or self.started or self.finished)


def records_of(past: Sequence[Event], key: Callable[[ToolCall], str]) -> dict[Key, deque[Record]]:
    """Give the calls of each step by their keys, those that ended first in front."""
    found: defaultdict[Key, deque[Record]] = defaultdict(deque)
    for record in in_order(past, key):
        found[record.step, key(record.call)].append(record)
    return {at: deque(sorted(records, key=lambda record: not record.finished)) for at, records in found.items()}


def in_order(past: Iterable[Event], key: Callable[[ToolCall], str], *, waiting: bool = False) -> list[Record]:
    """Give the calls of a run in the order in which they began; those that wait for a person only with `waiting`."""
    reader = _Reader(key)
    for event in past:
        reader.take(event)
    return [record for records in reader.records.values() for record in records if waiting or not record.empty]


class _Reader:
    def __init__(self, key: Callable[[ToolCall], str]) -> None:
        self._key, self._step = key, 0
        self._live: dict[str, Record] = {}
        """The calls under way in the process that wrote the events, by id."""
        self.records: defaultdict[Key, list[Record]] = defaultdict(list)

    def take(self, event: Event) -> None:
        match event:
            case RunResumed() | RunContinued():
                self._live.clear()
            case StepStarted(step=step):
                self._step = step
            case ApprovalRequested(call=call):
                self._record(call)
            case ApprovalResolved(call_id=id) if id in self._live:
                self._live[id].approval = Approval(
                    approved=event.approved, reason=event.reason, arguments=event.arguments, always=event.always
                )
            case ToolCallStarted(call=call):
                record = self._record(call)
                record.started, record.repeat = event, False  # made again: what was said held for the time before
            case ToolCallDenied(call=call, reason=reason):
                record = self._record(call)
                record.denied, record.finished = event, ToolCallFinished(call_id=call.id, error=reason)
            case ToolCallFinished(call_id=id) if id in self._live:
                self._live.pop(id).finished = event
            case OutcomeSettled():
                self._settle(event)

    def _record(self, call: ToolCall) -> Record:
        """Find the call under way, or the equal one that was cut off and is taken up again, or note a new one."""
        equal = self.records[self._step, self._key(call)]
        live = self._live.get(call.id)
        if live is None or live not in equal or live.finished:
            dead = (record for record in equal if not record.finished and record not in self._live.values())
            live = next(dead, None)
        if live is None:
            equal.append(live := Record(call, self._step))
        self._live[call.id] = live
        return live

    def _settle(self, event: OutcomeSettled) -> None:
        equal = self.records[self._step, self._key(event.call)]
        record = next((record for record in equal if record.started and not record.finished), None)
        if record and event.repeat:
            record.repeat = True
        elif record:
            record.finished = ToolCallFinished(
                at=event.at, call_id=event.call.id, value=event.value, error=event.error
            )  # fmt: skip


def always_allowed(past: Iterable[Event]) -> dict[str, Approval]:
    """Give what a person said about every further call of a tool in this run, by the tool's name."""
    asked: dict[str, str] = {}
    said: dict[str, Approval] = {}
    for event in past:
        match event:
            case ApprovalRequested(call=call):
                asked[call.id] = call.name
            case ApprovalResolved(call_id=id, always=True) if id in asked:
                said[asked[id]] = Approval(approved=event.approved, reason=event.reason)
    return said
