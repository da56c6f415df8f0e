"""Steps that only repeat the one before. They are told, not shown: copies in a conversation breed further copies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..events import StepFinished, ToolCallFinished
from ..messages import Message, Reply
from .pictures import drop_old

__all__ = ("observe",)

MOST_REASON = 300
"""Characters of an error that are said once more."""
MOST_REASONS = 3
"""Errors of calls that were made at once."""


def observe(memory: Any, finished: StepFinished, reply: Reply, results: Mapping[str, ToolCallFinished]) -> None:
    """Show the model what a step did, or say that it was the same as the one before."""
    before, memory.done = memory.done, _deed(finished, reply, results)
    memory.repeats = memory.repeats + 1 if memory.done == before else 0
    if memory.repeats:
        memory.messages.pop()
        errors = [finished.error, *(end.error for call in reply.calls if (end := results.get(call.id)))]
        memory.add_message(_repeated([error for error in errors if error], calls=bool(reply.calls)))
        return
    told = memory.form.observe(finished, reply.calls, results)
    for message in told:
        memory.add_message(message)
    if any(message.images for message in told):
        drop_old(memory.messages, after=len(memory.form.opening()) + 1)


def _deed(finished: StepFinished, reply: Reply, results: Mapping[str, ToolCallFinished]) -> object:
    """Give what a step did and what came of it, equal only to that of a step that did the very same."""
    if finished.final:
        return object()
    made = [(call.name, call.args, call.kwargs) for call in reply.calls]
    ended = [(end.value, end.error) for call in reply.calls if (end := results.get(call.id))]
    error = re.sub(r"<step \d+>", "<step>", finished.error or "")  # a traceback names its step
    try:
        did = finished.code or repr(made) if finished.code or made else reply.content
        return did, finished.output, finished.value, error, repr(ended)
    except Exception:  # noqa: BLE001  # foreign code: what a tool gave, such as a number with more digits than Python writes
        return object()


def _repeated(errors: Sequence[str], *, calls: bool) -> Message:
    """Say that a step did what the one before it did, and what else there is to do."""
    told = "You wrote the very same again, with the same result."
    if not errors:
        return Message(role="user", content=f"{told} If that is the answer, call final_answer{_WITH[calls]}.")
    reasons = [lines[-1][:MOST_REASON] for error in errors[:MOST_REASONS] if (lines := _said(error))]
    return Message(role="user", content="\n".join([f"{told} {_ELSE[calls]}", *reasons]))


def _said(error: str) -> list[str]:
    return [line for line in error.splitlines() if line.strip() and not line.startswith("Note: ")]


_WITH = {False: "(value)", True: " with it"}
_ELSE = {
    False: "Write something else: do what the error says, or take a smaller step first and print what it gives.",
    True: "Call something else: do what the error says, with other arguments, or call another tool first.",
}
