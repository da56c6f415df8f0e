"""Has a person decide about a call, on the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import BadArguments, RunPaused, UsageError
from ..events import ApprovalRequested, ApprovalResolved, CodeStarted, Event, ToolCallStarted
from ..lookup import load
from ..messages import ToolCall
from ..protocols import Approval, Approver
from ..tools import Tool
from .ahead import calls_ahead
from .answering import asking
from .given import given

__all__ = ("ask",)


async def ask(run: Any, approver: Approver | None, call: ToolCall, reason: str, tools: Mapping[str, Tool]) -> Approval:
    """Give the decision about a call. Raises `RunPaused` where nobody can decide now.

    What was said about every further call of the tool in this run is not asked again. Raises `UsageError`
    for an answer that is none, or whose arguments do not fit the tool: nothing is decided then.
    """
    if (known := run.allowed.get(call.name)) is not None:
        return known  # type: ignore[no-any-return]  # `run` is the core's, which this room may not import
    code, made = _program(run.events)
    ahead = calls_ahead(code, call, made=made, tools=tools) if code else ()
    asked = await run.emit(ApprovalRequested(call=call, reason=reason, ahead=ahead))
    answer = None
    if approver:
        told = load("codeling.secrets.masking:masked")(given(call, tools[call.name]))
        answer = await asking(approver, told, reason, asked)
    if answer is None:
        line = load("codeling.observers.text:call_text")(call)
        top = load("codeling.teams.nesting:top")(run)
        then = f"resume run {top!r} then" if run.journal else "it cannot be resumed: its agent has no journal"
        raise RunPaused(f"a person must decide about {line} ({reason}); {then}")
    answer = _checked(answer, tools[call.name])
    await run.emit(
        ApprovalResolved(
            call_id=call.id, approved=answer.approved, reason=answer.reason, arguments=answer.arguments,
            always=answer.always,
        )
    )  # fmt: skip
    if answer.always:
        run.allowed[call.name] = Approval(approved=answer.approved, reason=answer.reason)
    return answer


def _checked(answer: Any, tool: Tool) -> Approval:
    if isinstance(answer, bool):
        return Approval(approved=answer, reason="" if answer else "refused by a person")
    if not isinstance(answer, Approval):
        raise UsageError(f"about a call of {tool.name!r} one says True, False, an Approval or None, not {answer!r}")
    if answer.arguments is None:
        return answer
    if not isinstance(answer.arguments, Mapping):
        raise UsageError(f"Approval(arguments=…) are a dict by the names of {tool.name!r}, not {answer.arguments!r}")
    try:
        tool.bind((), answer.arguments)
    except BadArguments as error:
        raise UsageError(f"the arguments that a person gave instead do not fit {tool.name!r}: {error}") from error
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
