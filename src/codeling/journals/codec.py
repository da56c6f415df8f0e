"""What every journal shares: events as JSON text, and keys of equality for calls."""

from __future__ import annotations

import json
from typing import Any

from ..errors import JournalError
from ..events import Event
from ..lookup import load
from ..messages import ToolCall
from .records import event_from, record_of

__all__ = ("Texts",)


class Texts:
    """Turns events into lines of JSON and back; values in them are data, never pickle."""

    def __init__(self) -> None:
        self._codec: Any = load("codeling.sandbox.values:HostCodec")()

    def text(self, event: Event) -> str:
        """Give the event as one line of JSON."""
        return json.dumps(record_of(event, self._codec.encode), separators=(",", ":"))

    def event(self, text: str) -> Event:
        """Give the event of a line back. Raises `JournalError` for one that cannot be read."""
        try:
            return event_from(json.loads(text), self._codec.decode)
        except (ValueError, TypeError, KeyError) as error:
            raise JournalError(f"a stored event cannot be read: {error}") from error

    def key(self, call: ToolCall) -> str:
        """Give a text that is the same for calls of one tool with equal arguments."""
        return f"{call.name}{self._codec.fingerprint([list(call.args), dict(call.kwargs)])}"
