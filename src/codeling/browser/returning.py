"""Where a browser was, read off the events of the run that used it: a resumed run has a browser that was just begun."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..events import Event, ToolCallFinished, ToolCallStarted

__all__ = ("last_address",)

_MOVES = ("go", "back", "click", "type_text")
"""The functions that give the address at which they have come out."""


def last_address(events: Iterable[Event]) -> str | None:
    """Give the last address at which the run's browser is known to have been, or None."""
    names: dict[str, str] = {}
    found = None
    for event in events:
        match event:
            case ToolCallStarted(call=call):
                names[call.id] = call.name
            case ToolCallFinished(call_id=id, error=None, value=value) if names.get(id) in _MOVES:
                found = _address(value) or found
    return found


def _address(value: Any) -> str | None:
    url = value.get("url") if isinstance(value, dict) else value
    return url if isinstance(url, str) and url.startswith(("http://", "https://")) else None
