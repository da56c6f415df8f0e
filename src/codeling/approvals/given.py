"""A call as rules and people judge it: with all of its arguments, fitted, however the program wrote it.

A rule that looks at an argument by its name must not be passed by writing it without, nor the other
way round, nor by writing `"900"` for 900.
"""

from __future__ import annotations

from dataclasses import dataclass
from inspect import Parameter
from typing import Any

from ..messages import ToolCall
from ..tools import Tool

__all__ = ("given",)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given(ToolCall):
    """Its `kwargs` hold all arguments by name, defaults too; its `args` hold again what was given and has a place."""


def given(call: ToolCall, tool: Tool) -> ToolCall:
    """Give the call with its arguments fitted, by name in `kwargs` and by place in `args`."""
    if isinstance(call, _Given):
        return call
    bound = tool.bind(call.args, call.kwargs)
    args = bound.args
    bound.apply_defaults()
    named: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = tool.signature.parameters[name].kind
        if kind is Parameter.VAR_KEYWORD:
            named.update(value)
        elif kind is not Parameter.VAR_POSITIONAL:
            named[name] = value
    return _Given(id=call.id, name=call.name, args=args, kwargs=named, line=call.line)
