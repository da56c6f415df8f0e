"""What MCP servers ask back: a person for input (elicitation), and a model for text (sampling).

Both come either as requests of their own (handshake versions) or inside a result that requires input
(2026-07-28); the SDK calls the same functions. A person is the approver, of the client or of the run; the
model is the client's or the run's, and what it costs counts as the run's. Without them the server is told no.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import EndsRun
from ..events import ApprovalRequested, ApprovalResolved
from ..journals.events import ServerAnswered
from ..lookup import load, named
from ..messages import Message, Reply, Request, ToolCall
from ..policy import Decision
from ..protocols import Approval, Approver, Model
from .mcp_connection import Connection, Seat, seated
from .mcp_content import sampling_parts
from .mcp_servers import needed

__all__ = ("Answers",)

_serial = itertools.count(1)
_STOPS: Mapping[str, str] = {"stop": "endTurn", "length": "maxTokens"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers the questions of servers."""

    sampling: Decision = "ask"
    approver: Approver | None = None
    model: Model | str | None = None

    def options(self, connection: Connection) -> dict[str, Any]:
        """Give the callbacks of one connection, as `mcp.Client` takes them."""

        async def elicit(context: Any, params: Any) -> Any:
            return await self._elicit(_seat(connection), connection.server.label, params)

        async def sample(context: Any, params: Any) -> Any:
            return await self._sample(_seat(connection), connection.server.label, params)

        callbacks: dict[str, Any] = {"elicitation_callback": elicit}
        return callbacks if self.sampling == "deny" else {**callbacks, "sampling_callback": sample}

    async def _elicit(self, seat: Seat, label: str, params: Any) -> Any:
        result = await self._filled_in(seat, label, params)
        told = {"action": result.action, **({"content": result.content} if result.content else {})}
        await _note(seat, ServerAnswered(server=label, kind="elicitation", question=params.message, answer=told))
        return result

    async def _filled_in(self, seat: Seat, label: str, params: Any) -> Any:
        types = needed("mcp_types")
        fields, required = _fields(params)
        call = ToolCall(id=f"elicitation.{next(_serial)}", name="elicitation", kwargs=fields)
        answer = await self._ask(seat, call, f"the MCP server {label!r} asks: {params.message}")
        if answer is None:
            return types.ElicitResult(action="cancel")
        content = dict(answer.arguments if answer.arguments is not None else fields)
        if not answer.approved or [key for key in required if content.get(key) is None]:
            return types.ElicitResult(action="decline")
        if getattr(params, "mode", "form") == "url":
            return types.ElicitResult(action="accept")
        return types.ElicitResult(action="accept", content={k: v for k, v in content.items() if v is not None})

    async def _sample(self, seat: Seat, label: str, params: Any) -> Any:
        model = self.model if self.model is not None else getattr(seat.run, "model", None)
        if model is None:
            return _refusal("no model answers here: give MCPClient a model=, or call the tool in a run")
        said = "; ".join(sampling_parts(message.content)[0] for message in params.messages)
        asked = ServerAnswered(server=label, kind="sampling", question=said)
        if self.sampling == "ask":
            call = ToolCall(id=f"sampling.{next(_serial)}", name="sampling", kwargs={"prompt": said})
            answer = await self._ask(seat, call, f"the MCP server {label!r} wants to ask the model {said[:500]!r}")
            if answer is None or not answer.approved:
                await _note(seat, asked)
                return _refusal("nobody allowed the server to ask the model; MCPClient(…, sampling='allow') does")
        try:
            reply = await seat.do(_reply(seat, named("models", "model_from", model), params))
        except EndsRun as error:
            seat.failure = error
            return _refusal(str(error))
        await _note(seat, replace(asked, answer=reply.content, usage=reply.usage))
        types = needed("mcp_types")
        return types.CreateMessageResult(
            role="assistant", content=types.TextContent(type="text", text=reply.content), model=reply.model or "model",
            stop_reason=_STOPS.get(reply.finish, "endTurn"),
        )  # fmt: skip

    async def _ask(self, seat: Seat, call: ToolCall, reason: str) -> Approval | None:
        approver = self.approver or getattr(seat.run, "person", None)
        if approver is None:
            return None

        answer = await seat.do(_asked(seat, approver, ApprovalRequested(call=call, reason=reason)))
        return Approval(approved=answer) if isinstance(answer, bool) else answer


async def _asked(seat: Seat, approver: Approver, asked: ApprovalRequested) -> Any:
    """Ask a person. It is shown and not stored, for it is no call of the program: pages and terminals wait for it."""
    show, answer = getattr(seat.run, "show", lambda event: None), None
    show(asked)
    try:
        answer = await load("codeling.approvals.answering:asking")(approver, asked.call, asked.reason, asked)
    finally:
        show(ApprovalResolved(call_id=asked.call.id, approved=answer is True or getattr(answer, "approved", False)))
    return answer


def _seat(connection: Connection) -> Seat:
    """The call that a question belongs to: as the protocol says, or the latest one where it does not."""
    return seated.get() or (connection.seats[-1] if connection.seats else Seat())


def _fields(params: Any) -> tuple[dict[str, Any], list[str]]:
    """The fields of a form with their defaults, and which have to be filled in."""
    if getattr(params, "mode", "form") == "url":
        return {"url": params.url}, []
    schema = params.requested_schema
    schema = schema if isinstance(schema, Mapping) else schema.model_dump(by_alias=True)
    properties = schema.get("properties") or {}
    fields = {name: spec.get("default") if isinstance(spec, Mapping) else None for name, spec in properties.items()}
    return fields, [name for name in schema.get("required") or [] if isinstance(name, str)]


async def _reply(seat: Seat, model: Model, params: Any) -> Reply:
    messages = [Message(role="system", content=params.system_prompt)] if params.system_prompt else []
    for given in params.messages:
        text, images, sounds = sampling_parts(given.content)
        messages.append(Message(role=given.role, content=text, images=images, audio=sounds))
    stop = tuple(params.stop_sequences or ())
    if seat.run is not None:
        seat.run.spent.before("model_calls")
    reply = await model.reply(Request(messages=messages, stop=stop, max_tokens=params.max_tokens))
    if seat.run is not None:
        seat.run.spent.add(reply.usage)
    return reply


async def _note(seat: Seat, event: ServerAnswered) -> None:
    """Put it on the record of the run whose call it belongs to."""
    if seat.run is not None:
        await seat.do(seat.run.emit(event))


def _refusal(why: str) -> Any:
    types = needed("mcp_types")
    return types.ErrorData(code=types.INVALID_REQUEST, message=why)
