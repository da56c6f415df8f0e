"""Runs below a run: an agent that another one calls goes on from its own journal when its caller is resumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..run import calling, current
from .holding import held
from .replay import ReplayedRun
from .resume import finished, go_on

__all__ = ("run_nested",)


async def run_nested(agent: Any, task: str, variables: Mapping[str, Any] | None) -> Any:
    """Do the work of the call that is being made: in the run that it began before, or in a new one."""
    parent, call = current.get(), calling.get()
    run_id = call.nested if call else None
    journal = agent._journal or (parent.journal if parent else None)
    if isinstance(parent, ReplayedRun) and journal and run_id:
        async with held(journal, run_id):
            past = [event async for event in journal.read(run_id)]
            if past:
                result = finished(run_id, past) or await go_on(
                    agent, past, journal=journal, parent=parent, approver=parent.approver, settle=parent.settle
                )
                return result.answer()
    return await agent.arun(task, additional_args=variables, run_id=run_id, return_full_result=False)
