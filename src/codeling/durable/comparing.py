"""What a program did, beside what its journal says that it did."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterator
from typing import Any

from ..events import CodeStarted, Event, StepFinished
from ..messages import ToolCall

__all__ = ("call_line", "differences")

# Of an interpreter that was lost it depends on the moment how much is known of why.
_COMPARED = ("code", "output", "value", "error", "final", "lost")
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
"""Where an object lies in memory is nothing that a program could repeat."""


def differences(stored: Event, found: Event, key: Callable[[ToolCall], str]) -> Iterator[tuple[str, Any, Any]]:
    """Give the field, the stored value and the new one for each difference between two events of one kind."""
    if isinstance(stored, CodeStarted) and isinstance(found, CodeStarted) and stored.code != found.code:
        yield "code", stored.code, found.code
    if not isinstance(stored, StepFinished) or not isinstance(found, StepFinished):
        return
    for name in _COMPARED if not (stored.lost and found.lost) else ("code", "output"):
        before, now = getattr(stored, name), getattr(found, name)
        if _plain(before) != _plain(now):
            yield name, before, now
    if _answer(stored, key) != _answer(found, key):
        yield "answer", stored.answer, found.answer


def _plain(value: Any) -> Any:
    return _ADDRESS.sub("0x…", value) if isinstance(value, str) else value


def _answer(step: StepFinished, key: Callable[[ToolCall], str]) -> str:
    return key(ToolCall(id="", name="", args=(step.answer,)))


def call_line(call: ToolCall) -> str:
    """Give a call as one short line of Python."""
    given = [reprlib.repr(arg) for arg in call.args]
    given += [f"{name}={reprlib.repr(value)}" for name, value in call.kwargs.items()]
    return f"{call.name}({', '.join(given)})"
