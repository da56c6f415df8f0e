"""A reply that is being put together, whatever dialect its pieces come in.

An adapter reads its vendor's pieces and tells them here; texts end before the first stop text,
calls get ids that were not used before, and watchers hear every piece. Does no I/O.
"""

from __future__ import annotations

import json
from ast import literal_eval
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from uuid import uuid4

from ..messages import Delta, Message, Reply, Request, ToolCall, Usage
from ..protocols import OnDelta

__all__ = ("UNREADABLE", "Answer", "Finish", "Incomplete", "count", "reading")

Finish: TypeAlias = Literal["stop", "length", "calls", "refused"]

UNREADABLE = "unreadable_arguments"
"""The one argument of a call whose arguments were not a JSON object: their text, for the model to correct."""


class Incomplete(Exception):
    """What came is no reply, or only a part of one."""


@contextmanager
def reading() -> Iterator[None]:
    """Read what a server sent, of whatever shape it is. Raises `Incomplete` where it is of none that we know."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise Incomplete(f"the answer is malformed: {type(error).__name__}: {error}") from None


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
    """A reply that is being put together from its pieces."""

    request: Request
    on_delta: OnDelta | None = None
    finish: Finish | None = None
    """Why the reply ended; None until the provider said so."""
    usage: Usage | None = None
    refused: bool = False
    """Whether the model declined, whatever reason is given for the end."""
    written: int = 0
    """How many of the input tokens were written to the provider's prompt cache."""
    model: str = ""
    _text: list[str] = field(default_factory=list)
    _thought: list[str] = field(default_factory=list)
    _calls: list[_Call] = field(default_factory=list)
    _extra: dict[str, list[Any]] = field(default_factory=dict)
    _cut: _Cut = field(init=False)

    def __post_init__(self) -> None:
        self._cut = _Cut(self.request.stop)

    @property
    def stopped(self) -> bool:
        """Whether a stop text was reached, so that the reply is over."""
        return self._cut.hit

    @property
    def calls(self) -> int:
        """How many calls there are so far."""
        return len(self._calls)

    def say(self, text: str) -> None:
        """Take a piece of the text."""
        self._tell("text", self._cut.feed(text), self._text)

    def think(self, text: str) -> None:
        """Take a piece of the reasoning."""
        self._tell("reasoning", text, self._thought)

    def keep(self, name: str, items: Iterable[Any]) -> None:
        """Take what the provider wants to have back with the conversation, under a name of its own."""
        self._extra.setdefault(name, []).extend(items)

    def call(self, index: int | None, *, id: str = "", name: str = "", arguments: object = "") -> None:
        """Take a piece of a call: servers give an index, or an id, or whole calls with neither."""
        call = self._slot(index, id, name)
        text = arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments else ""
        call.arguments += text
        self._tell("call", text)

    def arguments(self, index: int) -> str:
        """Give what there is so far of the arguments of the call at an index."""
        return next((call.arguments for call in reversed(self._calls) if call.index == index), "")

    def reply(self) -> Reply:
        """Give the whole reply. Raises `Incomplete` where the provider never said that it was at its end.

        Where no usage was reported, tokens are estimated at four characters each.
        """
        if self.finish is None and not self.stopped:
            raise Incomplete("the reply was broken off")
        self._tell("text", self._cut.rest(), self._text)
        content, thought = "".join(self._text), "".join(self._thought)
        calls = () if self.stopped else self._read_calls()
        return Reply(
            content=content, calls=calls, reasoning=thought, finish=self._finish_of(calls), model=self.model,
            usage=self.usage or _estimate(self.request.messages, content, thought, self._calls),
            extra=dict(self._extra),
        )  # fmt: skip

    def _slot(self, index: int | None, call_id: str, name: str) -> _Call:
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

    def _finish_of(self, calls: tuple[ToolCall, ...]) -> Finish:
        if self.refused:
            return "refused"
        if self.stopped or self.finish is None:
            return "stop"
        if self.finish == "calls" and not calls:
            return "stop"
        return "calls" if calls and self.finish == "stop" else self.finish


def count(counts: object, name: str) -> int:
    """Give a number of tokens out of what a provider reported, 0 where it reported none."""
    value = counts.get(name) if isinstance(counts, Mapping) else None
    return value if isinstance(value, int) and value > 0 else 0


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
    except (ValueError, RecursionError):
        return text


def _literal(text: str) -> object:
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _estimate(messages: Iterable[Message], content: str, thought: str, calls: Iterable[_Call]) -> Usage:
    asked = sum(len(message.content) for message in messages)
    wrote = len(content) + len(thought) + sum(len(call.name) + len(call.arguments) for call in calls)
    return Usage(input_tokens=-(-asked // 4), output_tokens=-(-wrote // 4), reasoning_tokens=-(-len(thought) // 4))
