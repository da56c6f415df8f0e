"""Tools in the style of `inputs` and `output_type`, which name JSON types instead of Python ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..tools import Tool

__all__ = ("described", "hints_of")

_TYPES: Mapping[str, Any] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": float,
    "array": list,
    "object": dict,
    "null": None,
}


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
