"""The chat-completions dialect, which most providers and servers speak, as plain data.

What we ask is turned into it and what comes back is read from it, whole or in pieces, by one and
the same reader. Does no I/O and knows no library: whoever has got hold of the JSON can use this.
"""

from __future__ import annotations

import json
from ast import literal_eval
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from uuid import uuid4

from ..messages import Audio, Delta, Image, Json, Message, Reply, Request, ToolCall, ToolSchema, Usage
from ..protocols import OnDelta

__all__ = ("UNREADABLE", "Answer", "Incomplete", "Wire", "answer_from", "body_from", "messages_from")

Wire: TypeAlias = dict[str, Any]

UNREADABLE = "unreadable_arguments"
"""The one argument of a call whose arguments were not a JSON object: their text, for the model to correct."""

_MOST_STOPS = 4
_RETURNED = ("reasoning_details",)
_FINISH: Mapping[str, Literal["stop", "length", "calls", "refused"]] = {
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "calls",
    "function_call": "calls",
    "content_filter": "refused",
    "refusal": "refused",
}


class Incomplete(Exception):
    """What came is no reply, or only a part of one."""


# What we ask


def body_from(request: Request, /) -> Wire:
    """Give everything of a request but the model's name as the body of a chat completion."""
    body: Wire = {"messages": messages_from(request.messages)}
    if request.tools:
        body["tools"] = [_tool(schema) for schema in request.tools]
    if stops := [stop for stop in request.stop if stop]:
        body["stop"] = stops[:_MOST_STOPS]
    if request.schema is not None:
        shape = {"name": "reply", "strict": _is_strict(request.schema), "schema": request.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": shape}
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    return body


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
    return wire | {name: message.extra[name] for name in _RETURNED if name in message.extra}


def _call(call: ToolCall) -> Wire:
    arguments = json.dumps(dict(call.kwargs), default=str, ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _media(message: Message) -> Iterator[Wire]:
    for image in message.images:
        yield {"type": "image_url", "image_url": {"url": f"data:{image.media_type};base64,{_base64(image)}"}}
    for audio in message.audio:
        sound = {"data": _base64(audio), "format": audio.media_type.rpartition("/")[2].removeprefix("x-")}
        yield {"type": "input_audio", "input_audio": sound}


def _base64(media: Image | Audio) -> str:
    return b64encode(media.data).decode("ascii")


def _tool(schema: ToolSchema) -> Wire:
    function = {"name": schema.name, "description": schema.description, "parameters": schema.parameters}
    return {"type": "function", "function": function}


def _is_strict(schema: Json) -> bool:
    """Tell whether every object in a schema lists all its properties as required and allows no other."""
    if isinstance(schema, list):
        return all(_is_strict(part) for part in schema)
    if not isinstance(schema, dict):
        return True
    if schema.get("type") == "object" or "properties" in schema:
        names, required = schema.get("properties"), schema.get("required")
        whole = (
            isinstance(names, dict) and isinstance(required, list) and set(names) == {str(name) for name in required}
        )
        if not whole or schema.get("additionalProperties") is not False:
            return False
    return all(_is_strict(part) for part in schema.values())


# What comes back


@dataclass(slots=True)
class _Call:
    index: int | None
    id: str = ""
    name: str = ""
    arguments: str = ""


class _Cut:
    """Lets a text through up to the first stop text, holding back what may be the beginning of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self.hit = False
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""

    def feed(self, text: str) -> str:
        if self.hit:
            return ""
        text, self._held = self._held + text, ""
        if found := [at for stop in self._stops if (at := text.find(stop)) >= 0]:
            self.hit = True
            return text[: min(found)]
        keep = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> str:
        text, self._held = self._held, ""
        return text


def _overlap(text: str, stop: str) -> int:
    lengths = range(min(len(stop) - 1, len(text)), 0, -1)
    return next((length for length in lengths if text.endswith(stop[:length])), 0)


@dataclass(slots=True)
class Answer:
    """A reply that is being put together from the pieces of a stream."""

    request: Request
    on_delta: OnDelta | None = None
    _text: list[str] = field(default_factory=list)
    _thought: list[str] = field(default_factory=list)
    _calls: list[_Call] = field(default_factory=list)
    _extra: dict[str, list[Any]] = field(default_factory=dict)
    _usage: Usage | None = None
    _finish: str | None = None
    _model: str = ""
    _refusal: bool = False
    _cut: _Cut = field(init=False)

    def __post_init__(self) -> None:
        self._cut = _Cut(self.request.stop)

    def add(self, chunk: Mapping[str, Any], /) -> bool:
        """Take one piece, and say whether the reply is over, because a stop text was reached."""
        self._model = chunk.get("model") or self._model
        if isinstance(usage := chunk.get("usage"), Mapping):
            self._usage = _usage(usage)
        choices = chunk.get("choices")
        if choices and isinstance(choices, Sequence) and isinstance(choices[0], Mapping):
            self._finish = choices[0].get("finish_reason") or self._finish
            if isinstance(delta := choices[0].get("delta"), Mapping):
                self._take(delta)
        return self._cut.hit

    def reply(self) -> Reply:
        """Give the whole reply. Raises `Incomplete` where the provider never said that it was at its end.

        Where no usage was reported, tokens are estimated at four characters each.
        """
        if self._finish is None and not self._cut.hit:
            raise Incomplete("the reply was broken off")
        self._tell("text", self._cut.rest(), self._text)
        content, thought = "".join(self._text), "".join(self._thought)
        calls = () if self._cut.hit else self._read_calls()
        finish = "stop" if self._cut.hit else self._finish_of(calls)
        return Reply(
            content=content,
            calls=calls,
            reasoning=thought,
            usage=self._usage or _estimate(self.request, content, thought, self._calls),
            finish=finish,
            model=self._model,
            extra=dict(self._extra),
        )

    def _take(self, delta: Mapping[str, Any]) -> None:
        for name in _RETURNED:
            if isinstance(value := delta.get(name), list):
                self._extra.setdefault(name, []).extend(value)
        text, thought = _parts(delta.get("content"))
        thought = _text(delta.get("reasoning_content")) or _text(delta.get("reasoning")) or thought
        self._tell("reasoning", thought, self._thought)
        if refusal := _text(delta.get("refusal")):
            self._refusal = True
            text += refusal
        self._tell("text", self._cut.feed(text), self._text)
        for piece in delta.get("tool_calls") or ():
            if isinstance(piece, Mapping):
                self._take_call(piece)

    def _take_call(self, piece: Mapping[str, Any]) -> None:
        function = piece.get("function")
        function = function if isinstance(function, Mapping) else {}
        call = self._slot(piece.get("index"), _text(piece.get("id")), _text(function.get("name")))
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments else ""
        call.arguments += text
        self._tell("call", text)

    def _slot(self, index: int | None, call_id: str, name: str) -> _Call:
        """Find the call that a piece belongs to: servers give an index, or an id, or whole calls with neither."""
        call = next((c for c in reversed(self._calls) if index is None or c.index == index), None)
        other = call is not None and (
            (call_id and call.id and call_id != call.id) or (index is None and name and call.name and not call_id)
        )
        if call is None or other:
            call = _Call(index)
            self._calls.append(call)
        if name and not call.name:
            self._tell("call", name)
        call.id, call.name = call.id or call_id, call.name or name
        return call

    def _tell(self, kind: Literal["text", "reasoning", "call"], text: str, kept: list[str] | None = None) -> None:
        if not text:
            return
        if kept is not None:
            kept.append(text)
        if self.on_delta is not None:
            self.on_delta(Delta(text=text, kind=kind))

    def _read_calls(self) -> tuple[ToolCall, ...]:
        used = {call.id for message in self.request.messages for call in message.calls}
        calls = []
        for call in self._calls:
            # Some providers accept only nine letters and digits, and all accept that.
            unique = call.id if call.id and call.id not in used else uuid4().hex[:9]
            used.add(unique)
            calls.append(ToolCall(id=unique, name=call.name, kwargs=_arguments(call.arguments)))
        return tuple(calls)

    def _finish_of(self, calls: tuple[ToolCall, ...]) -> Literal["stop", "length", "calls", "refused"]:
        said = _FINISH.get(self._finish or "", "stop")
        if self._refusal:
            return "refused"
        if said == "calls" and not calls:
            return "stop"
        return "calls" if calls and said == "stop" else said


def answer_from(response: object, request: Request, /) -> Reply:
    """Read a reply that came whole. Raises `Incomplete` for what is none."""
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
    answer = Answer(request)
    answer.add({**response, "choices": [choice]})
    return answer.reply()


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


def _arguments(text: str) -> dict[str, Any]:
    """Read a call's arguments, also where they are a Python dict or JSON within JSON."""
    if not text.strip():
        return {}
    value: object = text
    for read in (_json, _json, _literal):
        if isinstance(value, str):
            value = read(value)
    return {str(name): item for name, item in value.items()} if isinstance(value, dict) else {UNREADABLE: text}


def _json(text: str) -> object:
    try:
        return json.loads(text, strict=False)
    except ValueError:
        return text


def _literal(text: str) -> object:
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _usage(usage: Mapping[str, Any]) -> Usage:
    return Usage(
        input_tokens=_count(usage, "prompt_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
        cached_tokens=_count(usage.get("prompt_tokens_details"), "cached_tokens")
        or _count(usage, "prompt_cache_hit_tokens"),
        reasoning_tokens=_count(usage.get("completion_tokens_details"), "reasoning_tokens"),
        cost=float(cost) if isinstance(cost := usage.get("cost"), int | float) else 0.0,
    )


def _count(counts: object, name: str) -> int:
    value = counts.get(name) if isinstance(counts, Mapping) else None
    return value if isinstance(value, int) else 0


def _estimate(request: Request, content: str, thought: str, calls: Iterable[_Call]) -> Usage:
    asked = sum(len(message.content) for message in request.messages)
    wrote = len(content) + len(thought) + sum(len(call.name) + len(call.arguments) for call in calls)
    return Usage(input_tokens=-(-asked // 4), output_tokens=-(-wrote // 4), reasoning_tokens=-(-len(thought) // 4))
