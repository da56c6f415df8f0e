"""Tools in the style of `inputs` and `output_type`, which name JSON types instead of Python ones."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from ..errors import UsageError
from ..tools import Tool

__all__ = ("check_inputs", "described", "hints_of")

_TYPES: Mapping[str, Any] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": float,
    "array": list,
    "object": dict,
    "null": None,
}

_MEANT = {"str": "string", "bool": "boolean", "int": "integer", "float": "number", "list": "array", "dict": "object"}


def check_inputs(tool: Tool) -> None:
    """Raise `UsageError` where a tool's `inputs` do not say what its `forward` takes, with what to write."""
    inputs: Mapping[str, Any] = tool.inputs
    for name, spec in inputs.items():
        where = f"tool {tool.name!r}: inputs[{name!r}]"
        if not isinstance(spec, Mapping) or not isinstance(spec.get("type"), (str, list)):
            raise UsageError(f"{where} must be a dict with a 'type' and a 'description', not {spec!r}")
        if meant := _meant(spec["type"]):
            raise UsageError(f"{where} has the type {spec['type']!r}, which JSON does not have; write {meant!r}")
    parameters = tool.signature.parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for name, spec in inputs.items():
        where = f"tool {tool.name!r}: inputs[{name!r}]"
        if name not in parameters and not takes_any:
            taken = ", ".join(parameters) or "nothing"
            raise UsageError(f"{where} is no argument of its `forward`, which takes {taken}; use the same names")
        if spec.get("nullable") and name in parameters and _must_be_given(parameters[name]):
            raise UsageError(f"{where} is nullable, so that it may be left out; give it a default: `{name}=None`")


def _meant(kind: Any) -> str | None:
    """Give the type that was meant, or None: others know more types than JSON does, such as `image`."""
    if not isinstance(kind, str) or kind in _TYPES:
        return None
    return _MEANT.get(kind) or next(iter(get_close_matches(kind, _TYPES, n=1, cutoff=0.75)), None)


def _must_be_given(parameter: inspect.Parameter) -> bool:
    plain = parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return plain and parameter.default is parameter.empty


def hints_of(tool: Tool) -> dict[str, Any]:
    """Give the Python types of a tool's inputs and output."""
    hints = {name: _hint(spec) for name, spec in tool.inputs.items()}
    return {**hints, "return": _TYPES.get(tool.output_type, Any)}


def described(tool: Tool, text: str) -> str:
    """Give the description with a line for each input that has one."""
    notes = [f"    {name}: {spec['description']}" for name, spec in tool.inputs.items() if spec.get("description")]
    return "\n".join([text, "", "Args:", *notes]) if notes else text


def _hint(spec: Mapping[str, Any]) -> Any:
    kind = _TYPES.get(str(spec.get("type")), Any)
    return kind | None if spec.get("nullable") and kind not in (Any, None) else kind
