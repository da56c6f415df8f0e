"""OpenAI's Responses dialect as plain data: what we ask, and how what comes back is read. Does no I/O.

Nothing is stored at the provider. A model's reasoning comes encrypted with the reply, is kept with
the message, and goes back with the conversation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..messages import Message, Request, Usage
from .answer import Answer, Incomplete, count
from .chat import Wire, base64, format_of, is_strict

__all__ = ("OPTIONAL", "body_from", "take", "take_whole")

_KEPT = "openai_reasoning"
OPTIONAL: Mapping[str, str | None] = {"include": None, "store": None, "text": None, "max_output_tokens": None}
"""What a server may refuse and be asked without."""


def body_from(request: Request, /) -> Wire:
    """Give everything of a request but the model's name."""
    rules = [message.content for message in request.messages if message.role == "system"]
    items = [item for message in request.messages if message.role != "system" for item in _items(message)]
    body: Wire = {"input": items, "store": False, "include": ["reasoning.encrypted_content"]}
    if rules:
        body["instructions"] = "\n\n".join(rules)
    if request.tools:
        body["tools"] = [
            {"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.parameters,
             "strict": False}
            for tool in request.tools
        ]  # fmt: skip
    if request.schema is not None:
        shape = {"type": "json_schema", "name": "reply", "strict": is_strict(request.schema), "schema": request.schema}
        body["text"] = {"format": shape}
    if request.max_tokens is not None:
        body["max_output_tokens"] = request.max_tokens
    return body


def _items(message: Message) -> Iterator[Wire]:
    if message.role == "tool":
        output = _content(message)
        yield {"type": "function_call_output", "call_id": message.call_id, "output": output}
        return
    if message.role == "user":
        yield {"role": "user", "content": _content(message)}
        return
    yield from message.extra.get(_KEPT, ())
    if message.content:
        text = {"type": "output_text", "text": message.content, "annotations": []}
        yield {"type": "message", "role": "assistant", "status": "completed", "content": [text]}
    for call in message.calls:
        arguments = json.dumps(dict(call.kwargs), default=str, ensure_ascii=False)
        yield {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments}


def _content(message: Message) -> str | list[Wire]:
    if not (message.images or message.audio):
        return message.content
    parts: list[Wire] = [{"type": "input_text", "text": message.content}] if message.content else []
    parts += [
        {"type": "input_image", "image_url": f"data:{image.media_type};base64,{base64(image)}"}
        for image in message.images
    ]
    for audio in message.audio:
        sound = {"data": base64(audio), "format": format_of(audio)}
        parts.append({"type": "input_audio", "input_audio": sound})
    return parts


def take(answer: Answer, event: Mapping[str, Any], /) -> bool:
    """Take one event of a stream, and say whether the reply is over, because a stop text was reached."""
    text = str(event.get("delta") or "")
    index = int(event.get("output_index") or 0)
    match event.get("type"):
        case "response.output_text.delta":
            answer.say(text)
        case "response.refusal.delta":
            answer.refused = True
            answer.say(text)
        case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
            answer.think(text)
        case "response.function_call_arguments.delta":
            answer.call(index, arguments=text)
        case "response.output_item.added" | "response.output_item.done":
            _take_item(answer, event.get("item"), index, done=event.get("type") == "response.output_item.done")
        case "response.completed" | "response.incomplete" | "response.failed":
            _take_end(answer, event.get("response"))
    return answer.stopped


def _take_item(answer: Answer, item: object, index: int, *, done: bool) -> None:
    """Take what an item adds to its deltas: a call's name and id, and reasoning that goes back."""
    if not isinstance(item, Mapping):
        return
    if item.get("type") == "function_call":
        said = item.get("arguments") if done and not answer.arguments(index) else ""
        answer.call(index, id=str(item.get("call_id") or ""), name=str(item.get("name") or ""), arguments=said)
    elif item.get("type") == "reasoning" and done and item.get("encrypted_content"):
        answer.keep(_KEPT, [{name: value for name, value in item.items() if name != "status" and value is not None}])


def take_whole(answer: Answer, response: object, /) -> None:
    """Take a reply that came whole. Raises `Incomplete` for what is none."""
    items = response.get("output") if isinstance(response, Mapping) else None
    if not isinstance(items, list):
        raise Incomplete(f"the answer is no response but {str(response)[:200]!r}")
    for index, item in enumerate(items):
        if not isinstance(item, Mapping):
            continue
        for part in item.get("summary") or () if item.get("type") == "reasoning" else ():
            answer.think(str(part.get("text") or ""))
        for part in item.get("content") or ():
            _take_part(answer, item, part)
        _take_item(answer, item, index, done=True)
    _take_end(answer, response)
    if not items and not answer.refused and answer.finish == "stop":
        raise Incomplete("the answer holds no output")


def _take_part(answer: Answer, item: Mapping[str, Any], part: Mapping[str, Any]) -> None:
    text = str(part.get("text") or part.get("refusal") or "")
    if item.get("type") == "reasoning":
        answer.think(text)
        return
    answer.refused = answer.refused or part.get("type") == "refusal"
    answer.say(text)


def _take_end(answer: Answer, response: object) -> None:
    if not isinstance(response, Mapping):
        return
    answer.model = str(response.get("model") or "")
    if response.get("status") == "failed":
        error = response.get("error") or {}
        raise Incomplete(f"{error.get('message') or 'the response failed'} [{error.get('code') or 'failed'}]")
    why = (response.get("incomplete_details") or {}).get("reason")
    answer.refused = answer.refused or why == "content_filter"
    answer.finish = "length" if why == "max_output_tokens" else "stop"
    if isinstance(usage := response.get("usage"), Mapping):
        answer.usage = Usage(
            input_tokens=count(usage, "input_tokens"), output_tokens=count(usage, "output_tokens"),
            cached_tokens=count(usage.get("input_tokens_details"), "cached_tokens"),
            reasoning_tokens=count(usage.get("output_tokens_details"), "reasoning_tokens"),
        )  # fmt: skip
