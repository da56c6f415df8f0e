"""What a journal holds, run by run: for people who look for one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from ..errors import UsageError
from ..events import (
    ContextCompacted,
    Event,
    ModelReplied,
    PlanMade,
    RunFinished,
    RunStarted,
    RunState,
    StepStarted,
    ToolCallFinished,
)
from ..messages import Usage
from .events import CallCompensated

__all__ = ("Archive", "RunSummary", "StoredState", "end_of", "rolled_back", "summaries", "summary_of")

StoredState: TypeAlias = "RunState | Literal['running', 'cut off', 'rolled back']"


class Archive(Protocol):
    """What the journals of codeling offer besides `protocols.Journal`."""

    def run_ids(self) -> AsyncIterator[str]:
        """Give the runs that the journal holds, those first that began last."""
        ...

    def read(self, run_id: str, /) -> AsyncIterator[Event]:
        """Give a run's events in their order."""
        ...

    def hold(self, run_id: str, /) -> AbstractAsyncContextManager[bool]:
        """Hold a run while the context lasts, so that nobody else works on it. Gives False where somebody does."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A stored run in short."""

    run_id: str
    state: StoredState
    """How it ended; `running` where a process works on it, `cut off` where none does any more; `rolled back` where
    what it did was undone."""
    task: str
    agent: str
    started: float
    """Seconds since the epoch."""
    ended: float
    """When its last event was stored."""
    steps: int
    usage: Usage
    parent_id: str | None = None
    error: str | None = None


async def summaries(journal: Any, *, limit: int | None = None, nested: bool = False) -> list[RunSummary]:
    """Give the runs that a journal holds, newest first; those below other runs only with `nested`.

    Raises `UsageError` for a journal that cannot list its runs, `JournalError` where it cannot be read.
    """
    if not callable(getattr(journal, "run_ids", None)):
        raise UsageError(f"{type(journal).__name__} cannot list its runs: it has no method `run_ids`")
    found: list[RunSummary] = []
    async for run_id in journal.run_ids():
        if limit is not None and len(found) >= limit:
            break
        events = [event async for event in journal.read(run_id)]
        started = events[0] if events else None
        if not isinstance(started, RunStarted) or (started.parent_id and not nested):
            continue
        async with journal.hold(run_id) as free:
            found.append(summary_of(events, running=not free))
    return found


def summary_of(events: Sequence[Event], *, running: bool = False) -> RunSummary:
    """Give a run in short. Raises `UsageError` for events that are not those of a run from its start."""
    started, last = events[0], events[-1]
    if not isinstance(started, RunStarted):
        raise UsageError(f"a run begins with RunStarted, not with {type(started).__name__}")
    usage, steps = Usage(), 0
    for event in events:
        match event:
            case StepStarted(step=step):
                steps = max(steps, step)
            case ModelReplied(reply=reply):
                usage += reply.usage
            case PlanMade(usage=more) | ContextCompacted(usage=more):
                usage += more
    ended = end_of(events)
    state: StoredState = "rolled back" if rolled_back(events) else ended.state if ended else "cut off"
    return RunSummary(
        run_id=started.run_id,
        state="running" if running else state,
        task=started.task,
        agent=started.agent,
        started=started.at,
        ended=last.at,
        steps=steps,
        usage=ended.usage if ended else usage,
        parent_id=started.parent_id,
        error=ended.error if ended else None,
    )


def end_of(events: Sequence[Event]) -> RunFinished | None:
    """Give the end that a run has come to, or None where it goes on or was cut off.

    After it may stand how calls ended that nobody waited for any more, and what was undone.
    """
    for event in reversed(events):
        if not isinstance(event, (ToolCallFinished, CallCompensated)):
            return event if isinstance(event, RunFinished) else None
    return None


def rolled_back(events: Sequence[Event]) -> bool:
    """Whether what the run did was undone, or the trial was made, after it last went on."""
    return bool(events) and isinstance(events[-1], CallCompensated)
