"""Runs below a run: an agent that another one calls goes on from its own journal when its caller is resumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..events import Event, RunStarted, ToolCallStarted
from ..journals.events import RunResumed
from ..limits import Limits, Spent
from ..memory import Memory
from ..result import RunResult
from ..run import Run, calling, running
from .holding import held
from .replay import ReplayedRun
from .resume import conversation_before, finished, go_on

__all__ = ("passed_on", "run_nested", "talk_of")


async def run_nested(agent: Any, task: str, variables: Mapping[str, Any] | None, *, reset: bool = True) -> RunResult:
    """Do the work of the call that is being made: in the run that it began before, or in a new one."""
    parent, call = running(), calling.get()
    run_id = call.nested if call else None
    journal = agent._journal or (parent.journal if parent else None)
    if isinstance(parent, ReplayedRun) and journal and run_id:
        async with held(journal, run_id):
            past = [event async for event in journal.read(run_id)]
            if past:
                return finished(run_id, past) or await go_on(
                    agent, past, journal=journal, parent=parent, approver=parent.approver, settle=parent.settle
                )
    result: RunResult = await agent.arun(
        task, reset=reset, additional_args=variables, run_id=run_id, return_full_result=True
    )
    return result


async def talk_of(agent: Any, parent: Run) -> tuple[Run, Any] | None:
    """Give the run and conversation of the parent's last call of an agent that has an answer, from the journal."""
    journal = agent._journal or parent.journal
    if journal is None:
        return None
    for event in reversed(parent.events):
        if isinstance(event, ToolCallStarted) and event.nested and event.call.name == agent.name:
            past = [event async for event in journal.read(event.nested)]
            if past and finished(event.nested, past):
                return await passed_on(agent, _known(event.nested, past, journal))
    return None


async def passed_on(agent: Any, run: Run) -> tuple[Run, Any]:
    """Give a run's conversation, with those that it goes on with, as another agent would see it."""
    talk, events = Memory(agent._new_form()), list(run.events)
    started = events[0]
    if isinstance(started, RunStarted) and started.continues and run.journal:
        events = await conversation_before(run.journal, started) + events
    for event in events:
        talk.add(event)
    return _known(run.id, events, None), talk


def _known(id: str, events: list[Event], journal: Any) -> Run:
    """Give a run that is only to be read."""
    run = Run(id, spent=Spent(limits=Limits()), journal=journal)
    run.events = [event for event in events if not isinstance(event, RunResumed)]
    return run
