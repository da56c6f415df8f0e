"""Has a person decide about a call, on the record."""

from __future__ import annotations

from typing import Any

from ..errors import RunPaused
from ..events import ApprovalRequested, ApprovalResolved
from ..messages import ToolCall
from ..protocols import Approval, Approver

__all__ = ("ask",)


async def ask(run: Any, approver: Approver | None, call: ToolCall, reason: str) -> Approval:
    """Give the decision about a call. Raises `RunPaused` where nobody can decide now."""
    await run.emit(ApprovalRequested(call=call, reason=reason))
    answer = await approver(call, reason) if approver else None
    if answer is None:
        raise RunPaused(f"a person must decide about {call.name!r} ({reason}); resume run {run.id!r} then")
    approval = answer if isinstance(answer, Approval) else Approval(approved=answer, reason="refused by a person")
    await run.emit(ApprovalResolved(call_id=call.id, approved=approval.approved, reason=approval.reason))
    return approval
