"""A run below a run: it shares its caller's budget and rules, and nothing else.

Budget, journal, observers and interruption come down by way of the core. Here come down what the callers'
policies say and the person whom they ask; and here what a run that ended badly says becomes an error that the
calling program can handle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from ..errors import EndsRun, JournalError, LimitReached, RunPaused, ToolError, UsageError
from ..events import ApprovalRequested, ApprovalResolved, StepFinished
from ..lookup import load
from ..messages import ToolCall
from ..policy import Verdict
from ..result import RunResult
from ..run import Run, calling, running
from ..tools import Tool

__all__ = ("call", "top")

_DEEPEST = 16
_LAST = 3
"""Of a run that used up its steps, so many events tell whether it gave its answer when it was asked for the best."""
_STRICTEST = ("deny", "ask", "allow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What comes down from the callers."""

    decide: Callable[[ToolCall, Tool], Verdict] | None = None
    approver: Any = None
    above: tuple[Run, ...] = ()
    """The runs that are under way above, the first one in front."""


_rules: ContextVar[Rules] = ContextVar("rules", default=Rules())  # noqa: B039  # frozen
_last: WeakKeyDictionary[Run, dict[str, Any]] = WeakKeyDictionary()
"""For each run that calls agents: the run and conversation of the last call of each, by the agent's name."""
_runaway: WeakSet[Run] = WeakSet()
"""Runs below which agents have called each other without end: each calls no further one."""


async def call(
    agent: Any, manager: Any, task: str, *, variables: Mapping[str, Any], reset: bool = True, talk: Any = None
) -> RunResult:
    """Do the work of the call that is being made in a run of its own, and give its result.

    `talk` is a run and its conversation, to go on with. Raises `ToolError`, which names the run, where it
    failed, was interrupted or came to a limit before it had an answer, or which would be too deep; `RunPaused`
    where a person must decide and `JournalError` where its journal cannot be gone on with, which stop its callers
    too; `LimitReached` where the calling run is part of calls without end and calls on.
    """
    parent = running()
    above = (*_rules.get().above, *([parent] if parent else []))
    _check_depth(agent, above)
    if talk is None and not reset:
        talk = await _talk(agent, parent)
    worker = _worker(agent, manager, parent)
    worker._last = talk
    token = _rules.set(Rules(decide=worker.policy, approver=worker.approver, above=above))
    try:
        result = await load("codeling.durable.nested:run_nested")(worker, task, variables, reset=talk is None)
    except Exception as error:  # foreign code too: a model, a check or a callback may raise anything
        if _stops_all(error):
            raise
        raise ToolError(_failure(agent, error)) from error
    finally:
        _rules.reset(token)
    if parent is not None and worker._last:
        _last.setdefault(parent, {})[agent.name] = worker._last
    return _checked(agent, result)


def top(run: Run) -> str:
    """Give the id of the run above all: the one that a person resumes."""
    above = _rules.get().above
    return above[0].id if above else run.id


def _check_depth(agent: Any, above: tuple[Run, ...]) -> None:
    """Raise where a run would be too deep, which those above it may handle, but not try again and again.

    If each of them asked its model what to do now, and that called on, they would be at it for ever.
    """
    if above and above[-1] in _runaway:
        raise LimitReached("agents below have called each other without end, and this one would call on")
    if len(above) >= _DEEPEST:
        _runaway.update(above[1:])
        raise ToolError(
            f"agent {agent.name!r} is not called: {len(above)} runs are above it already, the last one {above[-1].id}; "
            "agents call each other without end"
        )


def _stops_all(error: Exception) -> bool:
    """Whether a person must act before anybody goes on: no program may take it for a failure and pass it over.

    So it is with a call that waits for a person, also where their answer is none; and with a journal that
    cannot be gone on with, such as one that does not know what became of a call.
    """
    if isinstance(error, UsageError) and error.result:
        asked = [event.call.id for event in error.result.events if isinstance(event, ApprovalRequested)]
        decided = {event.call_id for event in error.result.events if isinstance(event, ApprovalResolved)}
        return bool(asked) and asked[-1] not in decided
    return isinstance(error, (RunPaused, JournalError))


def _failure(agent: Any, error: Exception) -> str:
    """Say that an agent failed, in which run, and why."""
    making = calling.get()
    result = error.result if isinstance(error, EndsRun) else None
    run_id = result.run_id if result else making.nested if making else None
    where = f" (run {run_id})" if run_id else ""
    return f"agent {agent.name!r} failed{where}: {error if result else f'{type(error).__name__}: {error}'}"


def _checked(agent: Any, result: RunResult) -> RunResult:
    """Give the result of a run that has an answer. Raises `ToolError` for another, `RunPaused` where it waits."""
    if result.state in ("success", "paused"):
        result.answer()
        return result
    answered = any(event.final for event in result.events[-_LAST:] if isinstance(event, StepFinished))
    if result.state == "max_steps_error" and answered and (result.output is not None or agent.result_type is None):
        return result
    best = "" if result.output is None else f". The last that it had: {str(result.output)[:500]!r}"
    raise ToolError(
        f"agent {agent.name!r} ended without an answer (run {result.run_id}, {result.state}): "
        f"{result.error or 'its steps are used up'}{best}"
    )


def _worker(agent: Any, manager: Any, parent: Run | None) -> Any:
    """Give the agent with its callers' rules. Its runs can still be interrupted by way of the agent itself."""
    above, worker = _rules.get(), copy(agent)
    policies = [policy for policy in (agent.policy, manager.policy, above.decide) if policy]
    worker.policy = _strictest(policies) if policies else None
    worker.approver = agent.approver or (parent and parent.approver) or manager.approver or above.approver
    return worker


def _strictest(policies: list[Any]) -> Callable[[ToolCall, Tool], Verdict]:
    """Give a policy that allows what all of these allow, and denies what any denies."""
    all_of_them: list[Callable[[ToolCall, Tool], Verdict]] = [
        load("codeling.approvals.rules:policy_from")(policy) for policy in policies
    ]

    def decide(call: ToolCall, tool: Tool) -> Verdict:
        return min((each(call, tool) for each in all_of_them), key=lambda verdict: _STRICTEST.index(verdict.decision))

    return decide


async def _talk(agent: Any, parent: Run | None) -> Any:
    """Give the run and conversation of the parent's last call of the agent, or None where there was none."""
    if parent is None:
        return None
    live = _last.get(parent, {}).get(agent.name)
    return live or await load("codeling.durable.nested:talk_of")(agent, parent)
