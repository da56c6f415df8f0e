"""What every journal shares: events as JSON text, large values apart, and keys of equality for calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import JournalError, WireBroken
from ..events import Event
from ..lookup import load
from ..messages import ToolCall
from .blobs import Blobs, filled, split
from .records import event_from, record_of

__all__ = ("Texts",)

LARGE = 8192
"""Characters from which the large values in an event's text are stored apart."""


class Texts:
    """Turns events into lines of JSON and back; values in them are data, never pickle."""

    def __init__(self) -> None:
        self._codec: Any = load("codeling.sandbox.values:HostCodec")(roomy=True)
        self._line: Callable[[Any], str] = load("codeling.sandbox.inside.compact:encode")

    def text(self, event: Event) -> str:
        """Give the event as one line of JSON. Raises `JournalError` for a value that no journal can hold."""
        return self._line(self._record(event))

    def split(self, event: Event) -> tuple[str, Blobs]:
        """Give the event as one line of JSON, and by their hashes the large values that it only names."""
        record = self._record(event)
        text = self._line(record)
        if len(text) < LARGE:
            return text, {}
        record, blobs = split(record)
        return self._line(record), blobs

    def event(self, text: str, blobs: Mapping[str, str] | None = None) -> Event:
        """Give the event of a line back. Raises `JournalError` for one that cannot be read."""
        try:
            return event_from(filled(json.loads(text), blobs or {}), self._codec.decode)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, WireBroken) as error:
            raise JournalError(f"a stored event cannot be read: {error}") from error

    def key(self, call: ToolCall) -> str:
        """Give a text that is the same for calls of one tool with equal arguments."""
        return f"{call.name}{self._codec.fingerprint([list(call.args), dict(call.kwargs)])}"

    def _record(self, event: Event) -> dict[str, Any]:
        try:
            return record_of(event, self._codec.encode)
        except ValueError as error:
            raise JournalError(f"a value of {type(event).__name__} cannot be stored: {error}") from error
