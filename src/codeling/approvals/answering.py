"""Answers that are known before the question: what `resume(approve=…)` takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

from ..events import ApprovalRequested
from ..lookup import load
from ..messages import ToolCall
from ..protocols import Approval, Approver

__all__ = ("Answers", "approver_from", "asking", "first_of")

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


def first_of(answers: Answers, then: Approver | None) -> Approver | None:
    """Make an approver that gives the known answers, and asks another one about the rest."""
    known = approver_from(answers)
    if known is None or then is None:
        return known or then

    async def answer(call: ToolCall, reason: str, asked: ApprovalRequested, /) -> Any:
        said = await known(call, reason)
        return await asking(then, call, reason, asked) if said is None else said

    return cast("Approver", answer)


async def asking(approver: Approver, call: ToolCall, reason: str, asked: ApprovalRequested) -> Any:
    """Ask an approver, with as much as it takes. One that is not async may block: the run can be interrupted."""
    ask = load("codeling.sync.threads:aside")(approver)
    return await load("codeling.forms.answers:call")(ask, call, reason, asked, agent=None)
