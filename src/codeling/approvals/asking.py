"""Has a person decide about a call, on the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import RunPaused
from ..events import ApprovalRequested, ApprovalResolved, CodeStarted, Event, ToolCallStarted
from ..messages import ToolCall
from ..protocols import Approval, Approver
from ..tools import Tool
from .ahead import calls_ahead
from .answering import asking

__all__ = ("ask",)


async def ask(run: Any, approver: Approver | None, call: ToolCall, reason: str, tools: Mapping[str, Tool]) -> Approval:
    """Give the decision about a call. Raises `RunPaused` where nobody can decide now.

    What was said about every further call of the tool in this run is not asked again.
    """
    if (known := run.allowed.get(call.name)) is not None:
        return known  # type: ignore[no-any-return]  # `run` is the core's, which this room may not import
    code, made = _program(run.events)
    ahead = calls_ahead(code, call, made=made, tools=tools) if code else ()
    asked = await run.emit(ApprovalRequested(call=call, reason=reason, ahead=ahead))
    answer = None
    if approver:
        answer = await asking(approver, call, reason, asked)
    if answer is None:
        raise RunPaused(f"a person must decide about {call.name!r} ({reason}); resume run {run.id!r} then")
    if not isinstance(answer, Approval):
        answer = Approval(approved=bool(answer), reason="" if answer else "refused by a person")
    await run.emit(
        ApprovalResolved(
            call_id=call.id, approved=answer.approved, reason=answer.reason, arguments=answer.arguments,
            always=answer.always,
        )
    )  # fmt: skip
    if answer.always:
        run.allowed[call.name] = Approval(approved=answer.approved, reason=answer.reason)
    return answer


def _program(events: list[Event]) -> tuple[str | None, list[ToolCall]]:
    """Give the program that is running, and the calls that it has made."""
    made: list[ToolCall] = []
    for event in reversed(events):
        match event:
            case CodeStarted(code=code):
                return code, made[::-1]
            case ToolCallStarted(call=call):
                made.append(call)
    return None, []
