"""Plain frozen data that models, tools and agents exchange. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

__all__ = ("Audio", "Delta", "Image", "Json", "Message", "Reply", "Request", "Role", "ToolCall", "ToolSchema", "Usage")

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Image:
    """A picture as an encoded file, such as the bytes of a PNG."""

    data: bytes = field(repr=False)
    media_type: str = "image/png"


@dataclass(frozen=True, slots=True)
class Audio:
    """Sound as an encoded file, such as the bytes of a WAV."""

    data: bytes = field(repr=False)
    media_type: str = "audio/wav"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens and money spent on one reply, or summed over many."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """How many of the input tokens the provider read from its prompt cache."""
    reasoning_tokens: int = 0
    """How many of the output tokens were reasoning."""
    cost: float = 0.0
    """US dollars; 0 where no price is known."""

    @property
    def total_tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call of a tool, made by a program or by a model."""

    id: str
    """Unique in its run. Given by the host, or by the model's provider; never by a program."""
    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    line: int = field(default=0, compare=False)
    """The line of the program that made it, as the program's side says; 0 where it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSchema:
    """A tool as providers of JSON tool calling want it described."""

    name: str
    description: str
    parameters: Json
    """A JSON Schema object of the arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of the conversation that a model sees."""

    role: Role
    content: str
    images: tuple[Image, ...] = ()
    audio: tuple[Audio, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    """On an assistant message: the native tool calls that it made."""
    call_id: str | None = None
    """On a tool message: the call that it answers."""
    reasoning: str = ""
    """On an assistant message: what the model thought, for providers that want it back."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else the provider that wrote the message wants back, such as signatures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to a model."""

    messages: Sequence[Message]
    tools: tuple[ToolSchema, ...] = ()
    """Tools that the model may call natively; empty for code agents."""
    stop: tuple[str, ...] = ()
    """The reply ends before any of these texts, as far as the provider can."""
    schema: Json = None
    """A JSON Schema that the reply must fit, as far as the provider can."""
    grammar: str | None = None
    """A GBNF grammar that the reply must fit, for the servers that take one."""
    max_tokens: int | None = None
    temperature: float | None = None
    """In place of the model's own, as far as the provider can: a model that repeats itself needs some chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A piece of a reply that is still being written."""

    text: str
    kind: Literal["text", "reasoning", "call"] = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model answered to one request."""

    content: str = ""
    calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""
    usage: Usage = field(default_factory=Usage)
    finish: Literal["stop", "length", "calls", "refused"] = "stop"
    """Why the reply ended; `length` means that it was cut off."""
    model: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
