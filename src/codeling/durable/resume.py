"""Going on with stored runs, in this process or another, today or in a week."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..approvals.answering import Answers, approver_from
from ..errors import JournalError, UsageError
from ..events import Event, RunStarted
from ..journals.archive import end_of, rolled_back
from ..journals.events import RunResumed
from ..limits import Limits, Spent
from ..memory import Memory
from ..protocols import Observer
from ..result import RunResult, result_of
from .checking import check_names, check_tools
from .holding import held
from .replay import ReplayedRun
from .settling import Rule, check
from .spending import spent_before

__all__ = ("conversation_before", "go_on", "past_of", "resume")


async def resume(
    agent: Any,
    run_id: str,
    *,
    approve: Answers = None,
    settle: Rule | None = None,
    return_full_result: bool = False,
    observers: Sequence[Observer] = (),
) -> Any:
    """Go on with a run from its last event and give its answer.

    `approve` answers calls that wait for a person: yes or no for all, a mapping from tool names to
    yes, no or an `Approval`, or an approver. `settle` says what became of calls that were begun and
    not known to have finished: `"repeat"`, `"fail"` or a `Settlement`, for all, by tool name, or by
    a function of the call. Both hold for the agents below too. A run that has succeeded gives its
    answer again.

    Raises `JournalError` for an unknown run, for one that is under way elsewhere or was rolled back, and where
    a tool that the run has called is gone or takes other arguments now; `OutcomeUnknown` for a call that
    is not settled; `UsageError` for words about calls that mean nothing. The stored run is unharmed then.
    """
    journal = journal_of(agent, run_id)
    check_names(agent, approve, by="approve=…")
    check_names(agent, settle, by="settle=…")
    check(settle)
    async with held(journal, run_id):
        past = await past_of(journal, run_id)
        result = finished(run_id, past)
        if result is None:
            approver = approver_from(approve)
            result = await go_on(agent, past, journal=journal, approver=approver, settle=settle, observers=observers)
    return result if return_full_result else result.answer()


def journal_of(agent: Any, run_id: str) -> Any:
    """Give the agent's journal, to look for a run in. Raises `UsageError` where it has none, and for no run's id."""
    if not isinstance(run_id, str):
        raise UsageError(f"a run is named by its id, such as result.run_id, not {run_id!r}")
    if agent._journal is None:
        raise UsageError("this agent has no journal; give it the one that holds the run: journal='runs.db'")
    return agent._journal


async def past_of(journal: Any, run_id: str) -> list[Event]:
    """Give a stored run's events. Raises `JournalError` for an unknown run."""
    past = [event async for event in journal.read(run_id)]
    if not past or not isinstance(past[0], RunStarted):
        raise JournalError(f"the journal holds no run {run_id!r}; `codeling runs` lists those that it holds")
    return past


def finished(run_id: str, past: Sequence[Event]) -> RunResult | None:
    """Give the result of a run that has come to its answer, or None."""
    ended = end_of(past)
    return result_of(run_id, past) if ended and ended.state in ("success", "max_steps_error") else None


async def go_on(
    agent: Any, past: Sequence[Event], *, journal: Any, parent: Any = None, observers: Sequence[Observer] = (),
    approver: Any = None, settle: Rule | None = None,
) -> RunResult:  # fmt: skip
    """Run the loop with this past. The caller holds the run."""
    started = past[0]
    assert isinstance(started, RunStarted)  # `past_of` has checked it
    if rolled_back(past):
        raise JournalError(
            f"run {started.run_id!r} was rolled back: its programs would go on as if what they did were still there; "
            f"begin anew, or fork it: fork({started.run_id!r}, 1)"
        )
    await check_tools(agent, past, journal)
    memory = Memory(agent._new_form())
    for event in await conversation_before(journal, started):
        memory.add(event)
    run = ReplayedRun(
        started.run_id,
        past,
        journal=journal,
        settle=settle,
        spent=Spent(limits=agent.limits or Limits(), parent=parent.spent if parent else None),
        observers=(*(agent.observers or ()), *observers, *(parent.observers if parent else ())),
        fold=memory.add,
    )
    await spent_before(run.spent, past, journal)
    run.approver = approver
    result: RunResult = await agent._perform(run, memory, started)
    return result


async def conversation_before(journal: Any, started: RunStarted) -> list[Event]:
    """Give the events of the runs that this one goes on with, the first one in front."""
    before: list[Event] = []
    seen = {started.run_id}
    while started.continues and started.continues not in seen:
        seen.add(started.continues)
        past = await past_of(journal, started.continues)
        before = [event for event in past if not isinstance(event, RunResumed)] + before
        started = past[0]  # type: ignore[assignment]  # `past_of` has checked it
    return before
