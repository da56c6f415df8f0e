"""Whether an agent's settings can be meant so: said when the agent is made, not in the middle of a run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from inspect import iscoroutinefunction
from keyword import iskeyword
from typing import Any

from ..errors import UsageError
from ..limits import Limits
from ..lookup import load

__all__ = ("check", "check_run")

_COUNTS = {"max_steps": 0, "planning_interval": 0, "context_window": 1}
"""Settings that are whole numbers, with the least that each may be."""
_FUNCTIONS = ("observers", "final_answer_checks", "step_callbacks")
"""Settings that are lists of functions."""


def check(agent: Any) -> None:
    """Raise `UsageError` for a setting that cannot be meant so."""
    for name, least in _COUNTS.items():
        _check_count(name, getattr(agent, name), least)
    for name in _FUNCTIONS:
        _check_functions(name, getattr(agent, name))
    _check_limits(agent.limits)
    if agent.approver is not None and not callable(agent.approver):
        raise UsageError(f"an approver is a function of the call and the reason, not {agent.approver!r}")
    if agent.policy is not None and not callable(agent.policy) and not isinstance(agent.policy, Mapping):
        raise UsageError(
            f"a policy is a dict such as {{'pay': 'ask'}}, or a function of the call and the tool; not {agent.policy!r}"
        )
    load("codeling.approvals.rules:policy_from")(agent.policy)


def check_run(task: Any, variables: Mapping[Any, Any], max_steps: Any, *, tools: Collection[str]) -> None:
    """Raise `UsageError` for what a run cannot be begun with."""
    if not isinstance(task, str) or not task.strip():
        raise UsageError(f"a task is a text that says what to do, not {task!r}")
    _check_count("max_steps", max_steps, 0)
    for name in variables:
        if not isinstance(name, str) or not name.isidentifier() or iskeyword(name):
            raise UsageError(f"additional_args become variables, and {name!r} is no name that a program can use")
        if name in tools or name == "final_answer":
            raise UsageError(f"a variable of additional_args would cover the function {name!r}; give it another name")


def _check_functions(name: str, value: Any) -> None:
    if callable(value) or not isinstance(value or (), Iterable):
        raise UsageError(f"{name} are a list of functions, such as [{value!r}]")
    for one in value or ():
        if not callable(one):
            raise UsageError(f"{name} are functions; {one!r} is none")
        if name == "observers" and iscoroutinefunction(one):
            raise UsageError(f"an observer is a plain function, which nobody awaits; {one!r} is async")


def _check_count(name: str, value: Any, least: int) -> None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
        raise UsageError(f"{name} is a whole number from {least} on, not {value!r}")


def _check_limits(limits: Any) -> None:
    if limits is None:
        return
    if not isinstance(limits, Limits):
        raise UsageError(f"limits are such as Limits(model_calls=20, seconds=60), not {limits!r}")
    for field in fields(limits):
        value = getattr(limits, field.name)
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0):
            raise UsageError(f"Limits({field.name}=…) is a number from 0 on, not {value!r}")
