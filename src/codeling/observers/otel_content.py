"""What was said and done as attributes of spans, each text cut: only used where content is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..events import RunStarted, StepFinished
from ..messages import Message, Reply, ToolCall
from .text import brief

__all__ = ("call_content", "reply_content", "run_content", "step_content", "value_content")

_MOST = 16_000
_MESSAGES = 64
"""More messages than these are not sent again with every reply: the first ones and the latest are."""


def _cut(text: str) -> str:
    return text if len(text) <= _MOST else f"{text[:_MOST]} [… {len(text) - _MOST:,} more characters]"


def _text(value: Any) -> str:
    return _cut(value if isinstance(value, str) else brief(value, _MOST))


def run_content(started: RunStarted) -> dict[str, Any]:
    """Give the task and the tools."""
    tools = [{"type": "function", "name": name, "description": _cut(stub)} for name, stub in started.tools.items()]
    told = {"input.value": _cut(started.task), "input.mime_type": "text/plain",
            "gen_ai.tool.definitions": json.dumps(tools)}  # fmt: skip
    return told | ({"gen_ai.system_instructions": _parts(started.instructions)} if started.instructions else {})


def _parts(text: str) -> str:
    return json.dumps([{"type": "text", "content": _cut(text)}])


def reply_content(reply: Reply, asked: Sequence[Message]) -> dict[str, Any]:
    """Give what the model was shown and what it said, in the forms of both conventions."""
    shown = asked if len(asked) <= _MESSAGES else [*asked[:2], *asked[2 - _MESSAGES :]]
    said = Message(role="assistant", content=reply.content, calls=reply.calls, reasoning=reply.reasoning)
    told: dict[str, Any] = {
        "gen_ai.input.messages": json.dumps([_message(message) for message in shown]),
        "gen_ai.output.messages": json.dumps([_message(said) | {"finish_reason": reply.finish}]),
        "output.value": _cut(reply.content), "output.mime_type": "text/plain",
        "input.value": _cut(shown[-1].content if shown else ""), "input.mime_type": "text/plain",
    }  # fmt: skip
    for place, message in enumerate(shown):
        told |= _flat(f"llm.input_messages.{place}", message)
    return told | _flat("llm.output_messages.0", said)


def _message(message: Message) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"type": "text", "content": _cut(message.content)}] if message.content else []
    if message.reasoning:
        parts.insert(0, {"type": "reasoning", "content": _cut(message.reasoning)})
    if message.call_id:
        parts = [{"type": "tool_call_response", "id": message.call_id, "response": _cut(message.content)}]
    parts += [
        {"type": "tool_call", "id": call.id, "name": call.name, "arguments": _given(call)} for call in message.calls
    ]
    return {"role": message.role, "parts": parts}


def _flat(prefix: str, message: Message) -> dict[str, Any]:
    told: dict[str, Any] = {f"{prefix}.message.role": message.role, f"{prefix}.message.content": _cut(message.content)}
    if message.call_id:
        told[f"{prefix}.message.tool_call_id"] = message.call_id
    for place, call in enumerate(message.calls):
        base = f"{prefix}.message.tool_calls.{place}.tool_call"
        told |= {
            f"{base}.id": call.id,
            f"{base}.function.name": call.name,
            f"{base}.function.arguments": json.dumps(_given(call)),
        }
    return told


def _given(call: ToolCall, changed: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Give arguments as JSON data; positional ones by their places."""
    if changed is not None:
        return {str(name): _plain(value) for name, value in changed.items()}
    return {f"{place}": _plain(value) for place, value in enumerate(call.args)} | {
        str(name): _plain(value) for name, value in call.kwargs.items()
    }


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else _text(value)


def call_content(call: ToolCall, changed: Mapping[str, Any] | None) -> dict[str, Any]:
    """Give a call's arguments."""
    given = json.dumps(_given(call, changed))
    return {"gen_ai.tool.call.arguments": given, "input.value": given, "input.mime_type": "application/json",
            "tool.parameters": given}  # fmt: skip


def value_content(value: Any, key: str | None = "gen_ai.tool.call.result") -> dict[str, Any]:
    """Give what a call or a run gave."""
    text = _text(value)
    told: dict[str, Any] = {"output.value": text, "output.mime_type": "text/plain"}
    return told | ({key: text} if key else {})


def step_content(finished: StepFinished) -> dict[str, Any]:
    """Give what a program printed, its value and its error."""
    parts = [
        finished.output,
        finished.value or "",
        finished.error or "",
        _text(finished.answer) if finished.final else "",
    ]
    return {"output.value": _cut("\n".join(part for part in parts if part)), "output.mime_type": "text/plain"}
