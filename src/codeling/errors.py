"""Every error of codeling, in one tree. The first fork says who must act.

* AgentError
  * ShownToModel           the model reads it and tries again; the run goes on
    * ParseError           no action could be read from the model's reply
    * AnswerRefused        the final answer failed a check or is not of the asked type
    * ToolError            a tool call failed
      * ToolNotFound
      * BadArguments
      * CallDenied         the policy or a person said no
  * EndsRun                a person must act; the run stops and keeps all it had
    * UsageError           codeling was set up or called wrongly (also a ValueError)
      * UnknownName        a model, executor or tool name that nobody knows
    * MissingDependency    an optional library is not installed (also an ImportError)
    * LimitReached         a budget of the run is spent
    * Interrupted          somebody called `interrupt()` or pressed Ctrl-C
    * RunPaused            a person must decide about a call first; `resume` goes on
    * ModelError           the model's provider failed and another try will not help
      * ModelAccessDenied  wrong or missing key
      * ContextOverflow    the conversation is longer than the model can read
    * SandboxError         the sandbox could not do its work
      * IsolationUnavailable   this machine cannot give the wall that was asked for
      * WireBroken         the program's side broke the protocol; its session was ended
    * JournalError         a stored run cannot be read, written or resumed
      * ReplayDiverged     a resumed run took another path than its journal records
      * OutcomeUnknown     a call was begun before the crash and is not known to have finished

An error holds data and does nothing. When a run ends with one, `error.result` is the run's
`RunResult` up to there.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

__all__ = (
    "AgentError", "AnswerRefused", "BadArguments", "CallDenied", "ContextOverflow", "EndsRun", "Interrupted",
    "IsolationUnavailable", "JournalError", "LimitReached", "MissingDependency", "ModelAccessDenied", "ModelError",
    "OutcomeUnknown", "ParseError", "ReplayDiverged", "RunPaused", "SandboxError", "ShownToModel", "ToolError",
    "ToolNotFound", "UnknownName", "UsageError", "WireBroken",
)  # fmt: skip


class AgentError(Exception):
    """Base of every error that codeling raises."""

    result: Any = None
    """The `RunResult` of the run that this error ended, if it ended one."""


class ShownToModel(AgentError):
    """The model reads the message and tries again."""


class EndsRun(AgentError):
    """The run cannot go on; a person must act."""

    state: ClassVar[Literal["success", "failed", "limit", "interrupted", "paused"]] = "failed"
    """The state that the run ends in."""


class ParseError(ShownToModel):
    """No action could be read from the model's reply."""


class AnswerRefused(ShownToModel):
    """The final answer failed a check, or is not of the type that was asked for."""


class ToolError(ShownToModel):
    """A tool call failed."""


class ToolNotFound(ToolError):
    """The call names a tool that the agent does not have."""


class BadArguments(ToolError):
    """The arguments do not fit the tool's signature."""


class CallDenied(ToolError):
    """The policy or a person refused the call."""


class UsageError(EndsRun, ValueError):
    """codeling was set up or called wrongly."""


class UnknownName(UsageError):
    """A short name that stands for no model, executor or tool."""


class MissingDependency(EndsRun, ImportError):
    """An optional library is not installed; the message holds the command that installs it."""


class LimitReached(EndsRun):
    """A budget of the run is spent."""

    state = "limit"


class Interrupted(EndsRun):
    """The run was interrupted before it had an answer."""

    state = "interrupted"


class RunPaused(EndsRun):
    """A person must decide about a call before the run can go on."""

    state = "paused"


class ModelError(EndsRun):
    """The model's provider failed and another try will not help."""


class ModelAccessDenied(ModelError):
    """The provider refused the key, or there is none."""


class ContextOverflow(ModelError):
    """The conversation is longer than the model can read."""


class SandboxError(EndsRun):
    """The sandbox could not do its work."""


class IsolationUnavailable(SandboxError):
    """The wall that was asked for cannot be had on this machine."""


class WireBroken(SandboxError):
    """The other end of the wire broke the protocol."""


class JournalError(EndsRun):
    """A stored run cannot be read, written or resumed."""


class ReplayDiverged(JournalError):
    """A resumed run took another path than its journal records."""


class OutcomeUnknown(JournalError):
    """A call was begun before the crash and is not known to have finished."""
