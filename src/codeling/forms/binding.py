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
        bound = _quickly(tool.signature, args) if not kwargs else None
        bound = bound or tool.signature.bind(*args, **kwargs)
        parameters = tool.signature.parameters
        for name, value in bound.arguments.items():
            wanted = parameters[name]
            if type(value) is not wanted.annotation and value is not wanted.default:
                bound.arguments[name] = fit_parameter(value, wanted)
    except (TypeError, ValueError) as error:
        raise BadArguments(f"{tool.name}(): {error}. It is: {tool.stub.splitlines()[0][4:-1]}") from None
    return bound


def _quickly(signature: inspect.Signature, args: Sequence[Any]) -> inspect.BoundArguments | None:
    """Bind what is given by position, all and only, to plain parameters: the most common call by far."""
    parameters = signature.parameters
    if len(args) != len(parameters):
        return None
    for parameter in parameters.values():
        if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
            return None
    return _Positional(signature, dict(zip(parameters, args, strict=True)))
