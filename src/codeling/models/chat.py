"""The chat-completions dialect, which most providers and servers speak, as plain data.

What we ask is turned into it and what comes back is read from it, whole or in pieces, by one and
the same reader. Does no I/O and knows no library: whoever has got hold of the JSON can use this.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from ..messages import Audio, Image, Json, Message, Request, ToolCall, ToolSchema, Usage
from .answer import Answer, Finish, Incomplete, count

__all__ = (
    "THOUGHT", "Wire", "base64", "body_from", "format_of", "is_strict", "messages_from", "take", "take_whole",
    "without_thoughts",
)  # fmt: skip

Wire: TypeAlias = dict[str, Any]

THOUGHT = "reasoning_content"
"""Where a message holds what its model thought."""
_MOST_STOPS = 4
_RETURNED = ("reasoning_details",)
_FINISH: Mapping[str, Finish] = {
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "calls",
    "function_call": "calls",
    "content_filter": "refused",
    "refusal": "refused",
}


# What we ask


def body_from(request: Request, /) -> Wire:
    """Give everything of a request but the model's name as the body of a chat completion.

    What was thought before a call is in it, for the few that insist on it: everybody else is asked `without_thoughts`.
    """
    body: Wire = {"messages": messages_from(request.messages)}
    if request.tools:
        body["tools"] = [_tool(schema) for schema in request.tools]
    if stops := [stop for stop in request.stop if stop]:
        body["stop"] = stops[:_MOST_STOPS]
    if request.schema is not None:
        shape = {"name": "reply", "strict": is_strict(request.schema), "schema": request.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": shape}
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    return body


def without_thoughts(body: Wire, /) -> Wire:
    """Leave what was thought out of a body's messages; gives the body itself where there is nothing of it."""
    messages = body.get("messages") or []
    if not any(THOUGHT in message for message in messages):
        return body
    return body | {"messages": [{k: v for k, v in message.items() if k != THOUGHT} for message in messages]}


def messages_from(messages: Iterable[Message], /) -> list[Wire]:
    """Give the conversation; what a tool showed comes after all the tool messages of its turn."""
    wires: list[Wire] = []
    shown: list[Wire] = []
    for message in messages:
        if message.role != "tool" and shown:
            wires.append({"role": "user", "content": shown})
            shown = []
        wires.append(_message(message))
        if message.role == "tool":
            shown.extend(_media(message))
    return [*wires, {"role": "user", "content": shown}] if shown else wires


def _message(message: Message) -> Wire:
    match message.role:
        case "tool":
            return {"role": "tool", "tool_call_id": message.call_id, "content": message.content}
        case "assistant":
            return _assistant(message)
    media = list(_media(message))
    if not media:
        return {"role": message.role, "content": message.content}
    text = [{"type": "text", "text": message.content}] if message.content else []
    return {"role": message.role, "content": [*text, *media]}


def _assistant(message: Message) -> Wire:
    wire: Wire = {"role": "assistant", "content": message.content}
    if message.calls:
        wire["tool_calls"] = [_call(call) for call in message.calls]
        wire |= {THOUGHT: message.reasoning} if message.reasoning else {}
    return wire | {name: message.extra[name] for name in _RETURNED if name in message.extra}


def _call(call: ToolCall) -> Wire:
    arguments = json.dumps(dict(call.kwargs), default=str, ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _media(message: Message) -> Iterator[Wire]:
    for image in message.images:
        yield {"type": "image_url", "image_url": {"url": f"data:{image.media_type};base64,{base64(image)}"}}
    for audio in message.audio:
        sound = {"data": base64(audio), "format": format_of(audio)}
        yield {"type": "input_audio", "input_audio": sound}


def format_of(media: Image | Audio, /) -> str:
    """Give a file's kind in one word, as vendors call it."""
    subtype = media.media_type.rpartition("/")[2].removeprefix("x-")
    return "mp3" if subtype == "mpeg" else subtype


def base64(media: Image | Audio, /) -> str:
    """Give a file as text."""
    return b64encode(media.data).decode("ascii")


def _tool(schema: ToolSchema) -> Wire:
    function = {"name": schema.name, "description": schema.description, "parameters": schema.parameters}
    return {"type": "function", "function": function}


def is_strict(schema: Json, /) -> bool:
    """Tell whether every object in a schema lists all its properties as required and allows no other."""
    if isinstance(schema, list):
        return all(is_strict(part) for part in schema)
    if not isinstance(schema, dict):
        return True
    if schema.get("type") == "object" or "properties" in schema:
        names, required = schema.get("properties"), schema.get("required")
        whole = (
            isinstance(names, dict) and isinstance(required, list) and set(names) == {str(name) for name in required}
        )
        if not whole or schema.get("additionalProperties") is not False:
            return False
    return all(is_strict(part) for part in schema.values())


# What comes back


def take(answer: Answer, chunk: Mapping[str, Any], /) -> bool:
    """Take one piece, and say whether the reply is over, because a stop text was reached."""
    answer.model = _text(chunk.get("model")) or answer.model
    if isinstance(usage := chunk.get("usage"), Mapping):
        answer.usage = _usage(usage)
    choices = chunk.get("choices")
    if choices and isinstance(choices, Sequence) and isinstance(choices[0], Mapping):
        if reason := choices[0].get("finish_reason"):
            answer.finish = _FINISH.get(str(reason), "stop")
        if isinstance(delta := choices[0].get("delta"), Mapping):
            _take_delta(answer, delta)
    return answer.stopped


def _take_delta(answer: Answer, delta: Mapping[str, Any]) -> None:
    for name in _RETURNED:
        if isinstance(value := delta.get(name), list):
            answer.keep(name, value)
    text, thought = _parts(delta.get("content"))
    answer.think(_text(delta.get("reasoning_content")) or _text(delta.get("reasoning")) or thought)
    if refusal := _text(delta.get("refusal")):
        answer.refused = True
        text += refusal
    answer.say(text)
    for piece in delta.get("tool_calls") or ():
        if isinstance(piece, Mapping):
            function = piece.get("function")
            function = function if isinstance(function, Mapping) else {}
            answer.call(
                piece.get("index"), id=_text(piece.get("id")), name=_text(function.get("name")),
                arguments=function.get("arguments"),
            )  # fmt: skip


def take_whole(answer: Answer, response: object, /) -> None:
    """Take a reply that came whole. Raises `Incomplete` for what is none."""
    if not isinstance(response, Mapping):
        raise Incomplete(f"the answer is not a chat completion but {str(response)[:200]!r}")
    choices = response.get("choices")
    if not (isinstance(choices, Sequence) and choices and isinstance(choices[0], Mapping)):
        raise Incomplete("the answer holds no choice")
    message = choices[0].get("message")
    if not isinstance(message, Mapping):
        raise Incomplete("the answer holds no message")
    calls = [{**call, "index": index} for index, call in enumerate(message.get("tool_calls") or ())]
    choice = {"delta": {**message, "tool_calls": calls}, "finish_reason": choices[0].get("finish_reason") or "stop"}
    take(answer, {**response, "choices": [choice]})


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _parts(content: object) -> tuple[str, str]:
    """Give the text and the reasoning of a content, which some providers send as a list of parts."""
    if not isinstance(content, list):
        return _text(content), ""
    text = thought = ""
    for part in content:
        if isinstance(part, Mapping):
            text += _text(part.get("text"))
            inner = part.get("thinking")
            thought += _parts(inner)[0] if isinstance(inner, list) else _text(inner)
    return text, thought


def _usage(usage: Mapping[str, Any]) -> Usage:
    return Usage(
        input_tokens=count(usage, "prompt_tokens"),
        output_tokens=count(usage, "completion_tokens"),
        cached_tokens=count(usage.get("prompt_tokens_details"), "cached_tokens")
        or count(usage, "prompt_cache_hit_tokens"),
        reasoning_tokens=count(usage.get("completion_tokens_details"), "reasoning_tokens"),
        cost=float(cost) if isinstance(cost := usage.get("cost"), int | float) else 0.0,
    )
