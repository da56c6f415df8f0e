"""JSON in pieces: what is finished is encoded at once, and put in as it is when the rest is."""

from __future__ import annotations

import json
from typing import Any

__all__ = ("Encoded", "encoded")

_ENCODER = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False)

_DEPTH = 4


class Encoded(str):
    """A value that is JSON already."""

    __slots__ = ()

    @classmethod
    def of(cls, value: Any) -> Encoded:
        """Encode a value in which nothing is encoded yet."""
        return cls(_ENCODER.encode(value))


def encoded(value: Any) -> str:
    """Give a value as JSON; what is `Encoded` is put in as it is, if it stands no deeper than the steps of a run."""
    return _encoded(value, _DEPTH)


def _encoded(value: Any, depth: int) -> str:
    if isinstance(value, Encoded):
        return value
    if depth and isinstance(value, dict):
        return "{" + ",".join(f"{_ENCODER.encode(key)}:{_encoded(item, depth - 1)}" for key, item in value.items()) + "}"
    if depth and isinstance(value, list):
        return "[" + ",".join(_encoded(item, depth - 1) for item in value) + "]"
    return _ENCODER.encode(value)
