"""Arguments of a call bound to a tool's signature and fitted to its types."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import BadArguments
from ..tools import Tool
from .fitting import fit_parameter

__all__ = ("bind", "set_up")

_set_up = threading.RLock()


class _Positional(inspect.BoundArguments):
    """Arguments that were all given by position, to parameters that take one each."""

    @property
    def args(self) -> tuple[Any, ...]:
        """What was given."""
        return tuple(self.arguments.values())

    @property
    def kwargs(self) -> dict[str, Any]:
        """Nothing."""
        return {}


def set_up(tool: Tool) -> None:
    """Have a tool prepare itself, once, whoever calls it first."""
    with _set_up:
        if not tool._ready:
            tool.setup()
            tool._ready = True


def bind(tool: Tool, args: Sequence[Any], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
    """Fit arguments to the tool's signature, or raise `BadArguments` with what would fit."""
    try:
        signature, plain = tool.signature, _plain(tool)
        if len(args) == len(plain) and not kwargs:
            bound: inspect.BoundArguments = _Positional(signature, dict(zip(plain, args, strict=True)))
        else:
            bound = signature.bind(*args, **kwargs)
        parameters = plain or signature.parameters
        for name, value in bound.arguments.items():
            wanted = parameters[name]
            if type(value) is not wanted.annotation and value is not wanted.default:
                bound.arguments[name] = fit_parameter(value, wanted)
    except (TypeError, ValueError) as error:
        raise BadArguments(f"{tool.name}(): {error}. It is: {tool.stub.splitlines()[0][4:-1]}") from None
    return bound


def _plain(tool: Tool) -> Mapping[str, inspect.Parameter]:
    """The tool's parameters where each takes one value by position, as most do; else none. Found once for each tool."""
    known: dict[str, inspect.Parameter] | None = tool.__dict__.get("_plain")
    if known is None:
        known = dict(tool.signature.parameters)
        if any(parameter.kind is not parameter.POSITIONAL_OR_KEYWORD for parameter in known.values()):
            known = {}
        tool.__dict__["_plain"] = known
    return known
