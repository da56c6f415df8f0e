"""Going on with stored runs, in this process or another, today or in a week."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import JournalError, UsageError
from ..events import Event, RunFinished, RunStarted, StepStarted
from ..limits import Limits, Spent
from ..memory import Memory
from ..messages import ToolCall
from ..protocols import Approval, Approver, Observer
from ..result import result_of
from .replay import ReplayedRun

__all__ = ("fork", "resume")


async def resume(
    agent: Any,
    run_id: str,
    *,
    approve: bool | Mapping[str, bool] | Approver | None = None,
    return_full_result: bool = False,
    observers: Sequence[Observer] = (),
) -> Any:
    """Go on with a run from its last event and give its answer.

    `approve` answers calls that wait for a person: yes or no for all, by tool name, or an approver.
    A run that has succeeded gives its answer again. Raises `JournalError` for an unknown run.
    """
    past = await _past(agent, run_id)
    last = past[-1]
    if isinstance(last, RunFinished) and last.state in ("success", "max_steps_error"):
        result = result_of(run_id, past)
    else:
        result = await _go_on(agent, run_id, past, approve, observers)
    return result if return_full_result else result.answer()


async def fork(agent: Any, run_id: str, step: int, *, task: str | None = None, **options: Any) -> Any:
    """Begin a new run whose past is the stored run before its step `step`; go on with this agent.

    `task` replaces the task; the agent may have another model, other tools or other instructions.
    """
    copied: list[Event] = []
    new_id = uuid.uuid4().hex
    for event in await _past(agent, run_id):
        if isinstance(event, RunFinished) or (isinstance(event, StepStarted) and event.step >= step):
            break
        copied.append(replace(event, run_id=new_id))
    first = copied[0]
    if isinstance(first, RunStarted):
        copied[0] = replace(first, task=task or first.task)
    for event in copied:
        await agent._journal.append(event)
    return await resume(agent, new_id, **options)


async def _past(agent: Any, run_id: str) -> list[Event]:
    if agent._journal is None:
        raise UsageError("this agent has no journal; give it the one that holds the run: journal='runs.db'")
    past = [event async for event in agent._journal.read(run_id)]
    if not past or not isinstance(past[0], RunStarted):
        raise JournalError(f"the journal holds no run {run_id!r}")
    return past


async def _go_on(agent: Any, run_id: str, past: Sequence[Event], approve: Any, observers: Sequence[Observer]) -> Any:
    memory = Memory(agent._new_form())
    started = past[0]
    if isinstance(started, RunStarted) and started.continues:
        for event in await _past(agent, started.continues):
            memory.add(event)
    run = ReplayedRun(
        run_id,
        past,
        journal=agent._journal,
        spent=Spent(limits=agent.limits or Limits()),
        observers=(*(agent.observers or ()), *observers),
        fold=memory.add,
    )
    run.approver = _approver(approve)
    return await agent._perform(run, memory, started)


def _approver(approve: bool | Mapping[str, bool] | Approver | None) -> Approver | None:
    if approve is None or callable(approve):
        return approve

    async def answer(call: ToolCall, reason: str, /) -> Approval | None:
        said = approve if isinstance(approve, bool) else approve.get(call.name)
        return None if said is None else Approval(approved=said, reason="" if said else "refused by a person")

    return answer
