"""What a tool takes, read off its `forward`, and whether a model could know how to call it."""

from __future__ import annotations

import inspect
import keyword
import typing
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from ..errors import UsageError
from ..tools import Effect, FunctionTool, Tool
from .fitting import shown
from .inputs import check_inputs, hints_of

__all__ = ("by_name", "check", "signature_of")


def signature_of(tool: Tool) -> inspect.Signature:
    """Give what `forward` takes, with each parameter's resolved type; what a builtin takes may be anything.

    Parameters by position only can be given by name too: a model that makes JSON calls has no other way.
    """
    source = _source(tool.forward)
    native = not inspect.isfunction(source) and not inspect.ismethod(source)
    try:
        signature = inspect.signature(tool.forward)
    except ValueError:  # a builtin that does not tell
        signature = inspect.Signature([inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL)])
    try:
        hints = typing.get_type_hints(source, include_extras=True)
    except (NameError, TypeError, AttributeError):
        hints = {}
    if tool.inputs:
        hints = {**hints_of(tool), **hints}
    parameters = [_resolved(parameter, hints, native=native) for parameter in signature.parameters.values()]
    return signature.replace(parameters=parameters, return_annotation=hints.get("return", inspect.Signature.empty))


def _source(function: Callable[..., Any]) -> Any:
    """What holds the annotations: below a partial, and of an object the method that calls it."""
    while isinstance(function, partial):
        function = function.func
    plain = inspect.isroutine(function) or inspect.isclass(function)
    return function if plain else getattr(type(function), "__call__", function)  # noqa: B004  # the method itself


def _resolved(parameter: inspect.Parameter, hints: dict[str, Any], *, native: bool) -> inspect.Parameter:
    annotation = hints.get(parameter.name, parameter.annotation)
    if native and annotation is parameter.empty:
        annotation = Any
    by_place = parameter.kind is parameter.POSITIONAL_ONLY
    return parameter.replace(
        annotation=annotation, kind=parameter.POSITIONAL_OR_KEYWORD if by_place else parameter.kind
    )


def check(tool: Tool) -> None:
    """Raise `UsageError` where a model could not know how to call the tool."""
    made_of = getattr(tool, "forward", None)
    if isinstance(made_of, type) and issubclass(made_of, Tool):
        raise UsageError(f"{made_of.__name__} is a class of tools: make one of it, {made_of.__name__}(…)")
    if isinstance(tool, FunctionTool) and not callable(made_of):
        raise UsageError(f"a tool is a typed function or an object such as WebSearchTool(), not {shown(made_of)}")
    if not str(tool.name).isidentifier() or keyword.iskeyword(str(tool.name)):  # also None, as others leave it
        raise UsageError(
            f"a tool's name must be a Python identifier, not {tool.name!r}; set `name`, or for a function write "
            "tool(name='…')(function)"
        )
    description: Any = tool.description
    if not isinstance(description, str):
        raise UsageError(f"tool {tool.name!r}: its description is a text for the model, not {shown(description)}")
    if tool.effect not in typing.get_args(Effect):  # a policy for the effect that was meant would not fit
        effects = ", ".join(typing.get_args(Effect))
        raise UsageError(f"tool {tool.name!r}: effect={shown(tool.effect)} is none; the effects are {effects}")
    if made_of is None:
        raise UsageError(f"tool {tool.name!r} has no method `forward`; write one that does its work")
    if tool.inputs:
        check_inputs(tool)
    for parameter in tool.signature.parameters.values():
        if parameter.annotation is parameter.empty:
            raise UsageError(
                f"tool {tool.name!r}: its argument {parameter.name!r} has no type; "
                f"write `{parameter.name}: int` (or whatever it is, `Any` included)"
            )


def by_name(given: Iterable[Tool | Callable[..., Any]]) -> dict[str, Tool]:
    """Give the tools, and plain functions made into tools, by their names; every agent has its own `final_answer`.

    Raises `UsageError` for two of one name.
    """
    tools: dict[str, Tool] = {}
    for item in given:
        if callable(getattr(item, "arun", None)):
            raise UsageError("an agent is no tool: put it into managed_agents=[…], with a name and a description")
        tool = item if isinstance(item, Tool) else FunctionTool(item)
        tool.check()
        if tool.name in tools:
            raise UsageError(f"two tools are called {tool.name!r}; give one of them another name")
        tools[tool.name] = tool
    if isinstance(tools.pop("final_answer", None), FunctionTool):
        raise UsageError(
            "every agent has its own final_answer, which ends the run, and a function of that name would never be "
            "called; hold answers to final_answer_checks=[…] or a result_type, or give the function another name"
        )
    return tools
