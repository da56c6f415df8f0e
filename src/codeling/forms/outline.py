"""How values and types are described to the model: by kind, size and shape, never by their content."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

from ..events import StepFinished
from .fitting import describe

__all__ = ("cut", "outline", "type_text", "variables_text")

MOST_OUTPUT = 10_000
_MOST_BITS = 1_000
"""Of a number that is shown: Python writes none of more than 4,300 digits."""


def outline(value: Any) -> str:
    """Describe a value by type, size and shape, never by its content: `list of 3 dict`."""
    kind = type(value).__name__
    columns = getattr(value, "columns", None)
    if columns is not None and hasattr(value, "shape"):
        return f"{kind} of shape {tuple(value.shape)} with columns {list(columns)[:30]}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{kind} of shape {tuple(value.shape)}, {value.dtype}"
    if isinstance(value, Mapping):
        return f"{kind} with {len(value)} keys: {', '.join(repr(key) for key in list(value)[:20])}"
    if isinstance(value, (list, tuple, set, frozenset)):
        inner = sorted({type(item).__name__ for item in list(value)[:50]})
        return f"{kind} of {len(value)} {' or '.join(inner)}".rstrip()
    if isinstance(value, (str, bytes)):
        return f"{kind} of length {len(value)}"
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return f"{kind} of {value.bit_length()} bits"
    return f"{kind}: {value!r}" if isinstance(value, (bool, int, float)) else kind


def variables_text(variables: Mapping[str, Any]) -> str:
    """Say which variables are set."""
    lines = [f"- {name}: {outline(value)}" for name, value in variables.items()]
    return "Variables that are already set:\n" + "\n".join(lines)


def type_text(annotation: Any) -> str:
    """Say what the final answer must be."""
    return f"The value of final_answer must be: {_wanted(annotation)}"


def _wanted(annotation: Any) -> str:
    if not (hasattr(annotation, "model_fields") or hasattr(annotation, "__dataclass_fields__")):
        return describe(annotation)
    hints = {
        name: describe(hint) for name, hint in typing.get_type_hints(annotation).items() if not name.startswith("_")
    }
    shown = ", ".join(f"{name!r}: {hint}" for name, hint in hints.items())
    return f"a {annotation.__name__}, given as a dict {{{shown}}}"


def cut(text: str, finished: StepFinished | None = None) -> str:
    """Shorten a long text in its middle, saying how much is left out and, for a step's output, where it all is."""
    if len(text) <= MOST_OUTPUT and (finished is None or finished.size <= MOST_OUTPUT):
        return text
    whole = finished.size if finished and finished.size > len(text) + 1 else len(text)
    half = min(MOST_OUTPUT, len(text)) // 2
    where = f"; the whole text is in outputs[{finished.step}]" if finished else ""
    return f"{text[:half]}\n[... {whole - 2 * half} characters are left out here{where} ...]\n{text[-half:]}"
