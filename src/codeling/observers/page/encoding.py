"""JSON in pieces: what is finished is encoded at once, and put in as it is when the rest is."""

from __future__ import annotations

import json
from typing import Any

__all__ = ("Encoded", "Growing", "encoded")

_ENCODER = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False)

_DEPTH, _CHUNK = 4, 32


class Encoded(str):
    """A value that is JSON already, or several of a list."""

    __slots__ = ()


class Growing:
    """A list whose finished items are encoded some at a time, which is cheaper than one at a time."""

    def __init__(self) -> None:
        self._chunks: list[Any] = []
        self._items: list[Any] = []

    def append(self, item: Any) -> None:
        """Add an item that will not change."""
        self._items.append(item)
        if len(self._items) >= _CHUNK:
            self._encode()

    def keep(self, item: Any) -> None:
        """Add an item that may change, so that it is not encoded before the end."""
        self._encode()
        self._chunks.append(item)

    def _encode(self) -> None:
        if self._items:
            self._chunks.append(Encoded(_ENCODER.encode(self._items)[1:-1]))
            self._items = []

    def parts(self) -> list[Any]:
        """Give the items as far as they were kept, and in their places what is encoded."""
        self._encode()
        return self._chunks


def encoded(value: Any) -> str:
    """Give a value as JSON; what is `Encoded` is put in as it is, if it stands no deeper than the steps of a run."""
    return _encoded(value, _DEPTH)


def _encoded(value: Any, depth: int) -> str:
    if isinstance(value, Encoded):
        return value
    if depth and isinstance(value, dict):
        items = (f"{_ENCODER.encode(key)}:{_encoded(item, depth - 1)}" for key, item in value.items())
        return "{" + ",".join(items) + "}"
    if depth and isinstance(value, list):
        return "[" + ",".join(_encoded(item, depth - 1) for item in value) + "]"
    return _ENCODER.encode(value)
