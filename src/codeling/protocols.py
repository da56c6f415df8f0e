"""What an adapter must offer: the seams of codeling, each with its contract in words.

An adapter imports this file and the files below it, no more, and imports its own library when
it is first used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from .events import Event
from .messages import Delta, Image, Reply, Request, ToolCall

__all__ = (
    "Approval", "Approver", "Executor", "Journal", "Model", "Observer", "OnCall", "OnDelta", "OnOutput", "Outcome",
    "Session", "SessionSpec",
)  # fmt: skip

OnDelta: TypeAlias = Callable[[Delta], None]
OnOutput: TypeAlias = Callable[[str], None]
OnCall: TypeAlias = Callable[[ToolCall], Awaitable[Any]]
current: ContextVar[Sequence[Any]] = ContextVar("run", default=())
"""Holds the `Run` under way. Empty once that has ended, for whoever still has this context, such as a timer."""


def running() -> Any:
    """Give the `Run` under way, or None: a tool may ask its `model` and `person`, and `show` what is not durable."""
    return next(iter(current.get()), None)


class Model(Protocol):
    """A language model behind any provider. One object serves any number of runs at once.

    Further properties may be there: `reads_images`, whether messages may hold pictures, and
    `calls_natively`, whether it makes tool calls by itself; one that does not is shown how to write
    them. Both are taken to be true where they are missing. `takes_grammar` says that programs are to
    be held to a grammar as they are written.
    """

    @property
    def name(self) -> str:
        """What to call it in traces, such as `gpt-5`."""
        ...

    async def reply(self, request: Request, /, *, on_delta: OnDelta | None = None) -> Reply:
        """Answer the conversation.

        Calls `on_delta` for every piece while the reply is being written, if it can. Must leave
        nothing running when it is cancelled. Raises `ModelError` (or a subclass) when the
        provider failed for good; transient failures are the adapter's to retry.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpec:
    """What a run asks of the interpreter that it opens."""

    tools: Mapping[str, str] = field(default_factory=dict)
    """Each tool's name and its stub: a Python signature with a docstring."""
    seed: int = 0
    """Fixes the interpreter's own random generators."""
    imports: tuple[str, ...] | None = None
    """The only modules that programs may import, or None for every installed one."""
    ahead: bool = False
    """Whether the session may be given while its interpreter still starts: its first use then waits, or raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one program did."""

    output: str = ""
    size: int = 0
    """How long the whole output was, in bytes; `output` may be its first part only."""
    lines: tuple[tuple[int, int], ...] = ()
    """Which lines of the program printed `output`: pairs of a line, or 0, and how many bytes came from it."""
    value: str | None = None
    error: str | None = None
    images: tuple[Image, ...] = ()
    final: bool = False
    answer: Any = None
    lost: bool = False


class Session(Protocol):
    """One live interpreter. Variables live from one program to the next. Used by one run at a time."""

    @property
    def isolation(self) -> str:
        """The wall in force: `full`, `strong`, `container`, `remote`, `none` and the like."""
        ...

    async def assign(self, variables: Mapping[str, Any], /) -> None:
        """Set variables in the program's world."""
        ...

    async def run(self, code: str, /, *, step: int, on_call: OnCall, on_output: OnOutput) -> Outcome:
        """Run one program to its end.

        `step` names the program in tracebacks, and its whole output in the program's `outputs`.
        `on_call` may be called for several calls at once, on the loop; where it has `anywhere(name)`
        and that is true, a session may drive calls of this tool in a thread of its own. A `ToolError`
        that it raises is the program's to handle; any other error ends the program and is raised
        from here. Never raises for what the program does: where the interpreter dies, breaks the
        protocol or has to be killed, the outcome says `lost` and the next program gets a fresh one.
        """
        ...

    def close(self) -> None:
        """End the interpreter and free what it held. May be called twice, and from any thread."""
        ...


class Executor(Protocol):
    """A place where programs run. One object serves any number of sessions at once."""

    async def open(self, spec: SessionSpec, /) -> Session:
        """Start an interpreter. Raises `SandboxError` where it cannot be had, saying what is missing."""
        ...


class Journal(Protocol):
    """Keeps the events of runs, in order, for ever.

    One with a true `anywhere` may be appended to from any thread; others only from the run's own.
    """

    async def append(self, event: Event, /) -> None:
        """Keep the event under its `run_id`; return only when it is safe. Raises `JournalError`."""
        ...

    def read(self, run_id: str, /) -> AsyncIterator[Event]:
        """Give a run's events in the order in which they were appended; none for an unknown run."""
        ...

    def key(self, call: ToolCall, /) -> str:
        """Give a text that is the same for calls of one tool with equal arguments, in every process."""
        ...


class Observer(Protocol):
    """Sees every event of a run and of the runs below it.

    One with a true `anywhere` may be called from any thread, which spares tool calls a detour; others are
    called from the run's own.
    """

    def __call__(self, event: Event, /) -> None:
        """Must be quick; what it raises is logged and harms nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's answer. With `arguments`, the call is made with these instead."""

    approved: bool
    reason: str = ""
    arguments: Mapping[str, Any] | None = None
    always: bool = False
    """Whether it holds for every further call of this tool in this run."""


class Approver(Protocol):
    """Answers for a person when the policy says `ask`."""

    async def __call__(self, call: ToolCall, reason: str, /) -> Approval | bool | None:
        """Decide about the call. None means that nobody can answer now: the run pauses.

        Its `kwargs` hold every argument by name, defaults too, fitted to the tool; its `args` again what was given and
        has a place.
        An approver that takes a third argument is given the `ApprovalRequested`, which also says
        what the rest of the program may call.
        """
        ...
