"""The one stream of what happened in a run.

An event is frozen, in the past tense, and never changes once written: a later fact is a later
event. The journal stores the durable ones; the terminal, the pages and the exporters read the
same stream. A delta or a piece of output is shown and forgotten.

Old journals are read for ever, so a name or field here is never renamed or removed; new fields
have defaults, and a reader drops fields that it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from .messages import Audio, Delta, Image, Reply, ToolCall, Usage

__all__ = (
    "AnswerRejected", "ApprovalRequested", "ApprovalResolved", "CodeOutput", "CodeStarted", "ContextCompacted", "Event",
    "ModelDelta", "ModelReplied", "PlanMade", "RunContinued", "RunFinished", "RunStarted", "RunState", "StepFinished",
    "StepStarted", "ToolCallDenied", "ToolCallFinished", "ToolCallStarted", "ToolProgressed",
)  # fmt: skip

RunState: TypeAlias = Literal["success", "max_steps_error", "limit", "failed", "interrupted", "paused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event has. `Run.emit` fills both fields in."""

    run_id: str = ""
    at: float = 0.0
    """Seconds since the epoch."""
    durable: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run began, or a finished one goes on with a further task."""

    task: str
    images: tuple[Image, ...] = ()
    audio: tuple[Audio, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    """The caller's `additional_args`."""
    agent: str = ""
    """The agent's name, or its class where it has none."""
    parent_id: str | None = None
    """The run whose program or model called this one."""
    continues: str | None = None
    """The finished run whose conversation this one goes on with."""
    seed: int = 0
    """Fixes the random generators of the run's programs."""
    max_steps: int = 20
    tools: Mapping[str, str] = field(default_factory=dict)
    """What the agent may call: each tool's name and the stub that the model is shown."""
    instructions: str = ""
    """What the model is told besides its task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContinued(Event):
    """A live interpreter was had for the run's programs."""

    isolation: str
    """The wall in force, such as `full`, `strong` or `none`."""
    fresh: bool = True
    """Whether its variables are empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Event):
    """The model is about to be asked for step `step`, counted from 1."""

    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMade(Event):
    """The model wrote down a plan before acting."""

    step: int
    plan: str
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDelta(Event):
    """A piece of a reply, as it is being written."""

    delta: Delta
    durable: ClassVar[bool] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReplied(Event):
    """The model's whole reply."""

    reply: Reply
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeStarted(Event):
    """A program was read from the reply and begins to run."""

    step: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeOutput(Event):
    """A piece of what the program printed, as it is printed."""

    text: str
    durable: ClassVar[bool] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallStarted(Event):
    """A call passed every check and is about to act."""

    call: ToolCall
    arguments: Mapping[str, Any] | None = None
    """What a person put in place of the call's own arguments."""
    nested: str | None = None
    """The run that the call begins, where the tool is an agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallFinished(Event):
    """A call returned `value`, or failed with the text `error`."""

    call_id: str
    value: Any = None
    error: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolProgressed(Event):
    """A call that is under way came a bit further."""

    name: str
    """The tool's."""
    progress: float
    total: float | None = None
    message: str = ""
    durable: ClassVar[bool] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallDenied(Event):
    """A call was refused by the policy or by a person."""

    call: ToolCall
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequested(Event):
    """The policy wants a person to decide about a call."""

    call: ToolCall
    reason: str
    ahead: tuple[str, ...] = ()
    """The calls that the rest of the program may make, as far as they can be read from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalResolved(Event):
    """Somebody decided about a call."""

    call_id: str
    approved: bool
    reason: str = ""
    arguments: Mapping[str, Any] | None = None
    """What the person put in place of the call's own arguments."""
    always: bool = False
    """Whether it holds for every further call of this tool in this run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished(Event):
    """A step came to its end. `error` is what the model is shown, not a failure of the run."""

    step: int
    code: str | None = None
    """The program, where the step ran one."""
    output: str = ""
    """What the program printed, possibly cut at the executor's limit."""
    size: int = 0
    """How long the whole output was, in bytes."""
    lines: tuple[tuple[int, int], ...] = ()
    """Which lines of the program printed `output`: pairs of a line, or 0, and how many bytes came from it."""
    value: str | None = None
    """The last expression's value as text, or None where it has none."""
    error: str | None = None
    images: tuple[Image, ...] = ()
    """Pictures that the program showed."""
    final: bool = False
    answer: Any = None
    """With `final`, the value given to `final_answer`."""
    lost: bool = False
    """The interpreter died or was killed: the program's variables are gone."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextCompacted(Event):
    """Old observations were shortened in what the model is shown; with `summary` they were summarised."""

    upto: int
    """So many messages from the start were compacted; the opening and the task stay."""
    opening: int
    most: int
    """Characters that are left of a shortened observation."""
    summary: str | None = None
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRejected(Event):
    """A final answer failed a check; the model is told why and asked again."""

    answer: Any
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """The run came to its end, good or bad."""

    state: RunState
    output: Any = None
    error: str | None = None
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
