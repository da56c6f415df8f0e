"""Steps that only repeat the one before. They are told, not shown: copies in a conversation breed further copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..events import StepFinished, ToolCallFinished
from ..messages import Message, ToolCall

__all__ = ("observe",)


def observe(
    memory: Any, finished: StepFinished, calls: Sequence[ToolCall], results: Mapping[str, ToolCallFinished]
) -> None:
    """Show the model what a step did, or say that it was the same as the one before."""
    before, memory.done = memory.done, _deed(finished, calls, results)
    if memory.done == before:
        memory.messages.pop()
        memory.add_message(_repeated(finished))
        return
    for message in memory.form.observe(finished, calls, results):
        memory.add_message(message)


def _deed(finished: StepFinished, calls: Sequence[ToolCall], results: Mapping[str, ToolCallFinished]) -> object:
    """Give what a step did and what came of it, equal only to that of a step that did the very same."""
    if finished.final or not (finished.code or calls):
        return object()
    made = [(call.name, call.args, call.kwargs) for call in calls]
    ended = [(end.value, end.error) for call in calls if (end := results.get(call.id))]
    return finished.code, finished.output, finished.value, finished.error, repr(made), repr(ended)


def _repeated(finished: StepFinished) -> Message:
    """Say that a step did what the one before it did."""
    hint = "Change what the error is about." if finished.error else "If that is the answer, call final_answer(value)."
    return Message(role="user", content=f"You did the same again, with the same result. Do something else. {hint}")
