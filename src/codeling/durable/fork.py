"""New runs that have the first steps of a stored one as their past."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..errors import JournalError, UsageError
from ..events import Event, ModelReplied, RunFinished, RunStarted, StepFinished, StepStarted
from ..forms.settings import check_task
from ..journals.events import AgentDescribed, Diverged
from ..messages import Reply
from ..secrets.masking import masked
from .checking import check_tools
from .holding import held
from .resume import go_on, journal_of, past_of

__all__ = ("fork",)


async def fork(
    agent: Any,
    run_id: str,
    step: int,
    *,
    task: str | None = None,
    reply: str | Reply | None = None,
    observation: str | None = None,
    edit: Callable[[Event], Event] | None = None,
    return_full_result: bool = False,
    **options: Any,
) -> Any:
    """Begin a new run whose past is the stored run before its step `step`, and go on with this agent.

    The agent may have another model, other instructions or other tools; `task` replaces the task.
    `reply` is taken for the model's reply at that step, such as a program that was put right. With
    `observation` the step itself belongs to the past too, and the model is shown this text in place
    of what came of it. `edit` may change any event of the past, such as the value of a
    `ToolCallFinished`. `options` are those of `resume`. The stored run stays as it is.
    Raises `JournalError` where the run has no such step, where a tool that its past has called is gone or takes
    other arguments now, or where the observation is of a step that was cut off; nothing is stored then.
    """
    journal = journal_of(agent, run_id)
    stored = await past_of(journal, run_id)
    new_id = uuid.uuid4().hex
    _check_step(stored, step, observation)
    if task:
        check_task(task)
    if reply is not None and not isinstance(reply, str | Reply):
        raise UsageError(f"a reply is a text as a model writes it, or a Reply; not {reply!r}")
    copied = list(_past(stored, step, reply, observation))
    first = copied[0]
    if isinstance(first, RunStarted):
        copied[0] = replace(
            first, task=task or first.task, parent_id=None, max_steps=agent.max_steps, at=time.time()
        )  # fmt: skip
    await check_tools(agent, copied, journal)
    async with held(journal, new_id):
        past = [masked(replace(_edited(event, edit), run_id=new_id)) for event in copied]
        for event in past:
            await journal.append(event)
        result = await go_on(agent, past, journal=journal, **options)
    return result if return_full_result else result.answer()


def _check_step(stored: Sequence[Event], step: int, observation: str | None) -> None:
    if not isinstance(step, int):
        raise UsageError(f"a step is a number, as `StepStarted` counts them, not {step!r}")
    run_id, steps = stored[0].run_id, {event.step for event in stored if isinstance(event, StepStarted)}
    if step not in steps:
        raise JournalError(f"run {run_id!r} has no step {step}: it came to step {max(steps, default=0)}")
    ended = any(isinstance(event, StepFinished) and event.step == step for event in stored)
    if observation is not None and not ended:
        raise JournalError(
            f"step {step} of run {run_id!r} did not come to its end, so nothing can stand in place of what came of it; "
            "give a reply instead, or resume the run"
        )


def _edited(event: Event, edit: Callable[[Event], Event] | None) -> Event:
    changed = edit(event) if edit else event
    if type(changed) is not type(event):
        kind = type(event).__name__
        raise UsageError(f"edit gives each event back, changed or as it is: for a {kind} it gave {changed!r}")
    return changed


def _past(stored: Sequence[Event], step: int, reply: str | Reply | None, observation: str | None) -> Iterator[Event]:
    """Give the events before the step, and of it what the caller puts in its place."""
    end = step + 1 if observation is not None else step
    at = stored[0].at
    for event in stored:
        if isinstance(event, StepStarted) and event.step >= end:
            break
        at = event.at
        if isinstance(event, StepFinished) and event.step == step and observation is not None:
            yield replace(
                event, output=observation, size=len(observation.encode()), value=None, error=None, images=(),
                final=False, answer=None,
            )  # fmt: skip
        elif not isinstance(event, (AgentDescribed, Diverged, RunFinished)):
            yield event
    if reply is not None and observation is None:
        yield StepStarted(step=step, at=at)
        yield ModelReplied(reply=Reply(content=reply) if isinstance(reply, str) else reply, at=at)
