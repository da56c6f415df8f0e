"""Events of runs that survive: what describing, resuming, settling and undoing leave in a journal.

They follow the rules of `codeling.events`; they stand here because most runs have none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..events import Event
from ..messages import ToolCall, Usage

__all__ = (
    "AgentDescribed",
    "CallCompensated",
    "Diverged",
    "HandedOver",
    "OutcomeSettled",
    "RunResumed",
    "ServerAnswered",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDescribed(Event):
    """A command line made the run's agent, with these options: those that go on with the run take them by default."""

    options: Mapping[str, Any]
    """Each by its name. Never a key: only the name of the variable that holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed(Event):
    """A stored run goes on from its last event, perhaps in another process. What was under way is not any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeSettled(Event):
    """A person or a rule said what became of a call that was cut off: it is `error`, or `value`, or made again."""

    call: ToolCall
    repeat: bool = False
    value: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCompensated(Event):
    """What a finished call did was undone, or with `error` could not be."""

    call: ToolCall
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diverged(Event):
    """A program that ran again did something else than its journal holds. The journal's word stands."""

    step: int
    what: str
    """`call`; the field of `StepFinished` that differs; `end`, where the run came to an answer before its journal
    does; or `order`, where the loop came to another event than the journal holds."""
    expected: Any = None
    """What the journal holds; for a call its text, or None where it holds no such call."""
    found: Any = None
    """What the program did now, or None for a call that it did not make again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver(Event):
    """The run passed its conversation on, and the other agent came to the answer."""

    agent: str
    nested: str
    """The other agent's run."""
    answer: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAnswered(Event):
    """A tool's server asked a person or the model something in the middle of a call, and was answered."""

    server: str
    kind: Literal["elicitation", "sampling"]
    question: str
    answer: Any = None
    """What it was told; None where nobody answered or it was refused."""
    usage: Usage = field(default_factory=Usage)
    """What a model's answer took."""
