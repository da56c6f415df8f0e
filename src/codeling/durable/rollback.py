"""Undoing what a stored run did, as far as its tools say how."""

from __future__ import annotations

import inspect
import time
from typing import Any

from ..events import Event, ToolCallStarted
from ..journals.events import CallCompensated
from ..messages import ToolCall
from ..secrets.masking import masked
from .calls import Record, in_order
from .holding import held
from .resume import journal_of, past_of

__all__ = ("rollback",)


async def rollback(agent: Any, run_id: str) -> list[CallCompensated]:
    """Undo the calls of a run, and of the runs below it, by their tools' `compensate`; the last one first.

    A `compensate` takes the call's arguments by name, and `result`, what the call returned, if it has a
    parameter of that name. Calls that only read, failed, or are undone already are left alone. Gives
    an event for every call that was tried: with `error` where undoing failed, or where the tool has no
    `compensate` (or the call was cut off), so that a person knows what is left. Each is in the journal
    before the next is tried; what failed is tried again by the next rollback.
    """
    journal = journal_of(agent, run_id)
    async with held(journal, run_id):
        return await _undo(agent, await past_of(journal, run_id), journal)


async def _undo(agent: Any, past: list[Event], journal: Any) -> list[CallCompensated]:
    done: list[CallCompensated] = []
    undone = {_key(journal, e.call) for e in past if isinstance(e, CallCompensated) and e.error is None}
    for record in reversed(in_order(past, journal.key)):
        started = record.started
        tool = agent._tools.get(record.call.name)
        failed = record.finished is not None and record.finished.error is not None
        if started is None or failed or _key(journal, started.call) in undone:
            continue
        if started.nested and tool is not None and tool.resumes:
            below = [event async for event in journal.read(started.nested)]
            tried = await _undo(tool.agent, below, journal) if below else []
            done += tried
            if tried:  # that the run below is undone is its caller's to know: it is not gone on with then
                left = f"not all of run {started.nested!r} is undone" if any(event.error for event in tried) else None
                await _note(journal, past[0].run_id, started.call, left)
        elif tool is None or tool.effect != "read":
            done.append(await _note(journal, past[0].run_id, started.call, await _trouble(tool, record, started)))
    return done


def _key(journal: Any, call: ToolCall) -> tuple[str, str]:
    """An id alone may be that of another call: of one that was made after the run was resumed."""
    return call.id, journal.key(call)


async def _note(journal: Any, run_id: str, call: ToolCall, error: str | None) -> CallCompensated:
    event: CallCompensated = masked(CallCompensated(run_id=run_id, at=time.time(), call=call, error=error))
    await journal.append(event)
    return event


async def _trouble(tool: Any, record: Record, started: ToolCallStarted) -> str | None:
    """Undo one call. Gives why that could not be done, or None."""
    if tool is None or tool.compensate is None:
        return f"the tool {record.call.name!r} does not say how to undo a call; give it compensate=…"
    if record.finished is None:
        return "the call was cut off and may not have acted; find out whether it did"
    call = ToolCall(id="", name=record.call.name, kwargs=started.arguments) if started.arguments else record.call
    bound = tool.bind(call.args, call.kwargs)
    given = dict(bound.arguments)
    if "result" in inspect.signature(tool.compensate).parameters:
        given["result"] = record.finished.value
    try:
        undone = tool.compensate(**given)
        if inspect.isawaitable(undone):
            await undone
    except Exception as error:  # noqa: BLE001  # foreign code: what is left to undo is told, whatever stopped it
        return f"{type(error).__name__}: {error}"
    return None
