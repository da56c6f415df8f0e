"""Whether settings can be meant so: said when an agent is made, or before a run begins, not in the middle of it."""

from __future__ import annotations

import keyword
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields
from difflib import get_close_matches
from inspect import iscoroutinefunction
from typing import Any

from ..errors import UsageError
from ..limits import Limits
from ..lookup import load, named
from ..tools import Tool
from .fitting import shown

__all__ = ("check", "check_run", "check_task", "check_variables", "put", "tool_names", "tools_of")

_COUNTS = {"max_steps": 0, "planning_interval": 0, "context_window": 1}
"""Settings that are whole numbers, with the least that each may be."""
_FUNCTIONS = {
    "final_answer_checks": "functions of the answer",
    "step_callbacks": "functions of each `StepFinished`",
    "observers": "functions of each event",
}
"""Settings that are lists of functions."""
_NEARLY = 0.8
"""How much of two names is the same where one is taken for a slip of the other."""


def check(agent: Any) -> None:
    """Raise `UsageError` for a setting that cannot be meant so."""
    if not hasattr(agent, "_world"):
        raise UsageError(f"{type(agent).__name__} is what agents are made from: make a CodeAgent or a ToolCallingAgent")
    if not isinstance(agent.tools, Iterable) or isinstance(agent.tools, (str, Mapping)):
        raise UsageError(f"tools is a list of functions and tools: write tools=[…], not {shown(agent.tools)}")
    for name in _COUNTS:
        if name == "max_steps" or getattr(agent, name) is not None:
            _check_count(name, getattr(agent, name))
    for name in _FUNCTIONS:
        _check_functions(name, getattr(agent, name))
    _check_words(agent)
    _check_limits(agent.limits)
    if agent.approver is not None and not callable(agent.approver):
        raise UsageError(f"an approver is a function of the call and the reason, not {agent.approver!r}")
    if agent.policy is not None and not callable(agent.policy) and not isinstance(agent.policy, Mapping):
        raise UsageError(
            f"a policy is a dict such as {{'pay': 'ask'}}, or a function of the call and the tool; not {agent.policy!r}"
        )
    load("codeling.approvals.rules:policy_from")(agent.policy)


def tools_of(agent: Any) -> dict[str, Tool]:
    """Give an agent's tools by their names, those that are agents too.

    Lists and generators of them are kept as tuples: what was put into a list later would be no tool, without a word.
    """
    for name in ("tools", "managed_agents", "handoffs"):
        if isinstance(given := getattr(agent, name), list | Iterator):
            object.__setattr__(agent, name, tuple(given))
    helpers = load("codeling.teams.managed:helpers")(agent) if agent.managed_agents or agent.handoffs else ()
    tools: dict[str, Tool] = load("codeling.forms.signatures:by_name")([*agent.tools, *helpers])
    return tools


def put(agent: Any, name: str, value: Any) -> None:
    """Change a setting of an agent, and what is made of it. Raises `UsageError` for one that cannot be meant so."""
    known = vars(agent)
    before = known.get(name)
    object.__setattr__(agent, name, value)
    if "_last" not in known or name.startswith("_"):  # it is being made
        return
    try:
        check(agent)
        match name:
            case "model":
                agent._model = named("models", "model_from", value)
            case "journal":
                agent._journal = None if value is None else named("journals", "journal_from", value)
            case "executor":
                agent._executor = named("executors", "executor_from", value or "sandbox")
            case "tools" | "managed_agents" | "handoffs":
                agent._tools = tools_of(agent)
    except Exception:
        object.__setattr__(agent, name, before)
        raise


def tool_names(agent: Any) -> set[str]:
    """Give the names of the tools of an agent and of those below it."""
    return set(_tools(agent, set()))


def _tools(agent: Any, seen: set[int]) -> Iterator[str]:
    seen.add(id(agent))
    for name, tool in agent._tools.items():
        yield name
        below = getattr(tool, "agent", None)
        if below is not None and id(below) not in seen and hasattr(below, "_tools"):
            yield from _tools(below, seen)


def check_run(
    agent: Any, task: Any, variables: Any, *, images: Any, audio: Any, max_steps: Any, observers: Any, run_id: Any
) -> None:
    """Raise `UsageError` for what a run is told that cannot be meant so."""
    check_task(task)
    for name, given in {"images": images, "audio": audio}.items():
        if isinstance(given, (str, bytes, os.PathLike)) or not isinstance(given, Iterable | None):
            raise UsageError(f"{name} is a list, also of one: write {name}=[…]")
    if images and not getattr(agent._model, "reads_images", True):
        raise UsageError(f"the model {agent._model.name!r} does not read pictures; use one that does")
    if max_steps is not None:
        _check_count("max_steps", max_steps)
    if run_id is not None and not isinstance(run_id, str):
        raise UsageError(f"a run's name is a text, not {shown(run_id)}")
    _check_functions("observers", observers)
    _check_policy(agent)
    check_variables(agent, variables)


def check_task(task: Any) -> None:
    """Raise `UsageError` for a task that says nothing."""
    if not isinstance(task, str) or not task.strip():
        raise UsageError(f"a task is a text that says what to do, not {shown(task)}")


def check_variables(agent: Any, variables: Any) -> None:
    """Raise `UsageError` where the values for a run's programs are not by names that a program could say."""
    if not isinstance(variables, Mapping | None):
        raise UsageError(f"additional_args are values by their names, such as {{'rows': rows}}; not {shown(variables)}")
    for name in variables or ():
        if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
            raise UsageError(f"additional_args: no program can say {shown(name)}; use a name that Python allows")
        if name == "final_answer" or name in agent._tools:
            raise UsageError(f"additional_args: {name!r} is a function that programs call; give the value another name")


def _check_count(name: str, value: Any) -> None:
    least = _COUNTS[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UsageError(f"{name} is a whole number from {least} on, not {shown(value)}")


def _check_functions(name: str, given: Any) -> None:
    if given is None:
        return
    if not isinstance(given, Collection) or isinstance(given, (str, Mapping)):
        raise UsageError(f"{name} is a list of {_FUNCTIONS[name]}: write {name}=[…], not {shown(given)}")
    for function in given:
        if not callable(function):
            raise UsageError(f"{name} is a list of {_FUNCTIONS[name]}, and {shown(function)} is none")
        if name == "observers" and isinstance(function, type):
            raise UsageError(f"an observer is made first: observers=[{function.__name__}()]")
        if name == "observers" and (iscoroutinefunction(function) or iscoroutinefunction(type(function).__call__)):
            raise UsageError(f"an observer is a plain function, which nobody awaits; {shown(function)} is async")


def _check_words(agent: Any) -> None:
    for name in ("instructions", "name", "description"):
        if not isinstance(getattr(agent, name), str | None):
            raise UsageError(f"{name} is a text, not {shown(getattr(agent, name))}")
    if isinstance(agent.result_type, (str, bytes, int, float, Mapping, list, tuple, set)):
        raise UsageError(f"result_type is a type such as int, list[str] or a dataclass, not {shown(agent.result_type)}")
    imports = getattr(agent, "additional_authorized_imports", None)
    if isinstance(imports, str) or not isinstance(imports, Iterable | None):
        raise UsageError(f"additional_authorized_imports is a list of modules: write ['numpy'], not {shown(imports)}")


def _check_policy(agent: Any) -> None:
    """Raise `UsageError` for a key that is nearly a tool's name: the tool would be allowed without a word.

    Other keys may be of tools that agents elsewhere have, who go by the same policy.
    """
    policy = agent.policy
    if not isinstance(policy, Mapping):
        return
    tools = tool_names(agent)
    for key in policy.keys() - tools:
        if set(key) & set("*?[") or key.startswith("effect:"):
            continue
        if meant := get_close_matches(key, tools - policy.keys(), n=1, cutoff=_NEARLY):
            raise UsageError(f"the policy speaks of {key!r}, and no agent here has such a tool; write {meant[0]!r}")


def _check_limits(limits: Any) -> None:
    if limits is None:
        return
    if not isinstance(limits, Limits):
        raise UsageError(f"limits are such as Limits(model_calls=20, seconds=60), not {limits!r}")
    for field in fields(limits):
        value = getattr(limits, field.name)
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0):
            raise UsageError(f"Limits({field.name}=…) is a number from 0 on, not {value!r}")
