"""Answers that are known before the question: what `resume(approve=…)` takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ..messages import ToolCall
from ..protocols import Approval, Approver

__all__ = ("Answers", "approver_from")

Answers: TypeAlias = "bool | Approval | Mapping[str, bool | Approval] | Approver | None"
"""One answer for all calls, or one by the tool's name, or an approver."""


def approver_from(answers: Answers) -> Approver | None:
    """Make an approver of answers; what they do not speak of stays open."""
    if answers is None or callable(answers):
        return answers

    async def answer(call: ToolCall, reason: str, /) -> Approval | None:
        said = answers.get(call.name) if isinstance(answers, Mapping) else answers
        if isinstance(said, bool):
            return Approval(approved=said, reason="" if said else "refused by a person")
        return said

    return answer
