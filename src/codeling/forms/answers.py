"""Holding a final answer against its type and the user's checks, and calling users' functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import AnswerRefused
from ..events import AnswerRejected, CodeStarted, Event, ModelReplied, StepFinished, ToolCallFinished
from ..journals.events import HandedOver
from ..lookup import load
from ..messages import Reply
from .fitting import fit

__all__ = ("accept", "best_of", "call")


async def accept(agent: Any, run: Any, answer: Any) -> tuple[bool, Any]:
    """Say whether the answer stands, and give it in the type that was asked for; record why it does not."""
    if agent.result_type is None and not agent.final_answer_checks:
        return True, answer
    try:
        return True, await _accepted(agent, answer, run.events)
    except AnswerRefused as error:
        await run.emit(AnswerRejected(answer=answer, reason=str(error)))
        return False, None


async def _accepted(agent: Any, answer: Any, events: Sequence[Event]) -> Any:
    try:
        answer = answer if agent.result_type is None else fit(answer, agent.result_type)
    except ValueError as error:
        raise AnswerRefused(str(error)) from error
    for check in agent.final_answer_checks or ():
        name = getattr(check, "__name__", repr(check))
        try:
            stands = await call(load("codeling.sync.threads:aside")(check), answer, events, agent=agent)
        except Exception as error:  # foreign code: a check may raise whatever says best what is wrong
            raise AnswerRefused(f"{name}: {str(error) or type(error).__name__}") from error
        if not stands:
            raise AnswerRefused(f"the check {name!r} does not hold")
    return answer


async def call(function: Callable[..., Any], *args: Any, agent: Any) -> Any:
    """Call a user's function with as many of the arguments as it takes, and the agent if it wants it."""
    try:
        parameters = [*inspect.signature(function).parameters.values()]
    except ValueError:  # a builtin such as `bool`, which does not tell
        parameters = [inspect.Parameter("value", inspect.Parameter.POSITIONAL_ONLY)]
    plain = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.name != "agent"]
    takes_all = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    named = {"agent": agent} if any(p.name == "agent" or p.kind is p.VAR_KEYWORD for p in parameters) else {}
    value = function(*(args if takes_all else args[: len(plain)]), **named)
    return await value if inspect.isawaitable(value) else value


def best_of(events: Sequence[Event]) -> Any:
    """The best that is known of the answer when a run is cut short: what was refused, seen or said last.

    A reply that is a program says nothing, unless there is nothing else. Of JSON calls it is what the last one gave.
    """
    program, ran, given = None, False, list[Any]()
    for event in reversed(events):
        match event:
            case HandedOver(answer=best):
                return best
            case AnswerRejected(answer=best) | StepFinished(value=str(best)):
                return best
            case StepFinished(output=best) if best:
                return best
            case ToolCallFinished(value=best, error=None):
                given.append(best)
            case CodeStarted():
                ran, given = True, []
            case ModelReplied(reply=Reply(calls=calls)) if calls and given:
                return given[0]
            case ModelReplied(reply=Reply(content=best)) if best and not ran:
                return best
            case ModelReplied(reply=Reply(content=best)):
                program, ran = program or best or None, False
    return program
