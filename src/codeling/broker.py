"""The one door between a program and the world.

Every tool call, of a program or of a model, comes through `Broker.call`. The order of its stages
is the safety of codeling, so it is written down once and cannot be configured:
find, fit, recall, charge, permit, record, act, record.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from .errors import CallDenied, EndsRun, ToolError, ToolNotFound
from .events import ToolCallDenied, ToolCallFinished, ToolCallStarted
from .lookup import load
from .messages import ToolCall
from .policy import Decision, Policy, Verdict
from .protocols import Approval
from .run import Run, calling
from .tools import Tool

__all__ = ("Broker",)


class Broker:
    """Takes the calls of one run."""

    def __init__(
        self, run: Run, tools: Mapping[str, Tool], *, policy: Policy | Mapping[str, Decision] | None = None
    ) -> None:
        self._run, self.tools, self._policy = run, tools, policy
        self._decide: Callable[..., Verdict] = load("codeling.approvals.rules:policy_from")(policy)

    async def call(self, call: ToolCall) -> Any:
        """Take one call through the stages and give its value.

        Raises `ToolError` for what the caller may handle, `EndsRun` for what ends the run.
        """
        try:
            tool = self._find(call)
            bound = tool.bind(call.args, call.kwargs)
        except ToolError as error:
            await self._run.emit(ToolCallFinished(call_id=call.id, error=str(error)))
            raise
        past = await self._run.recalled(call, tool)
        if isinstance(past, ToolCallFinished):
            return _value(past)
        self._run.spent.before("tool_calls")
        started = past if isinstance(past, ToolCallStarted) else await self._permit(call, tool, past)
        if started.arguments is not None:
            bound = tool.bind((), started.arguments)
        calling.set(await self._run.emit(started))
        since, value, failure = time.perf_counter(), None, None
        try:
            value = await tool.run(bound)
        except EndsRun:
            raise
        except Exception as error:  # noqa: BLE001  # foreign code: whatever a tool raises is the program's to handle
            value, failure = await load("codeling.effects.retrying:again")(tool, bound, error)
        seconds = time.perf_counter() - since
        return _value(
            await self._run.emit(ToolCallFinished(call_id=call.id, value=value, error=failure, seconds=seconds))
        )

    __call__ = call

    def anywhere(self, name: str) -> bool:
        """Whether calls of a tool may be made in any thread: nobody is asked, and who hears of it can be told there."""
        tool, hearing = self.tools.get(name), (self._run.journal, *self._run.observers)
        plain = tool is not None and not tool.is_async and not tool.needs_approval and not self._policy
        return plain and self._run.live and all(getattr(one, "anywhere", one is None) for one in hearing)

    def _find(self, call: ToolCall) -> Tool:
        try:
            return self.tools[call.name]
        except KeyError:
            known = load("codeling.forms.catalogue:known")(call.name, [*self.tools, "final_answer"])
            raise ToolNotFound(f"there is no tool {call.name!r}; {known}") from None

    async def _permit(self, call: ToolCall, tool: Tool, decided: Approval | None) -> ToolCallStarted:
        """Give the start of a call that may be made. Raises `CallDenied`, once it is recorded."""
        verdict = self._decide(call, tool)
        approval = decided or _BY_POLICY.get(verdict.decision) or Approval(approved=False, reason=verdict.reason)
        if verdict.decision == "ask" and not decided:
            ask = load("codeling.approvals.asking:ask")
            approval = await ask(self._run, self._run.person, call, verdict.reason, self.tools)
        if approval.approved:
            nested = uuid.uuid4().hex if tool.resumes else None
            return ToolCallStarted(call=call, arguments=approval.arguments, nested=nested)
        reason = f"CallDenied: {call.name!r} is not allowed: {approval.reason or 'no reason given'}"
        raise CallDenied((await self._run.emit(ToolCallDenied(call=call, reason=reason))).reason)


_BY_POLICY = {"allow": Approval(approved=True)}


def _value(finished: ToolCallFinished) -> Any:
    if finished.error is not None:
        raise ToolError(finished.error)
    return finished.value
