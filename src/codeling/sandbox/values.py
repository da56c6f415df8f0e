"""The host's end of the codec: values from the program's side, read with distrust.

`inside/values.py` does the work. Here everything that is wrong with data from outside becomes
`WireBroken`, and calls get a key by which equal ones are found.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ..errors import WireBroken
from ..messages import Json
from .inside import values

__all__ = ("Handle", "HostCodec", "Record")

Handle = values.Handle
Record = values.Record


class HostCodec:
    """Turns values into data and back, for one session or one journal."""

    def __init__(self, *, roomy: bool = False) -> None:
        """A `roomy` one takes all that any other can have read, with some more around it: journals have it."""
        room = {"max_depth": 96, "max_bytes": 1 << 28} if roomy else {}
        self._codec = values.Codec(side="host", trusting=False, lasting=roomy, **room)

    def copy(self) -> HostCodec:
        """Give another one that knows the same handles."""
        other = HostCodec()
        for name in ("_handles", "_numbers", "_known"):
            setattr(other._codec, name, dict(getattr(self._codec, name)))
        return other

    def encode(self, value: Any, /) -> Json:
        """Give the value as data. Raises ValueError for one that cannot cross: too large, too deep, a cycle."""
        tree: Json = self._codec.encode(value)
        return tree

    def decode(self, data: Json, /) -> Any:
        """Give the value back. Raises `WireBroken` for data that no codec wrote."""
        try:
            return self._codec.decode(data)
        except values.BadData as error:
            raise WireBroken(f"protocol error: a value that cannot be read: {error}") from None

    def fingerprint(self, value: Any, /) -> str:
        """Give a text that equal values share in every process; sets and keys in one order."""
        return json.dumps(_ordered(self.encode(value)), sort_keys=True, separators=(",", ":"))


def _ordered(tree: Json) -> Json:
    if isinstance(tree, list):
        return [_ordered(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    ordered = {key: _ordered(item) for key, item in tree.items()}
    items = ordered.get("v")
    if tree.get("$") in ("set", "frozenset", "dict") and isinstance(items, list):
        texts = sorted(json.dumps(item, sort_keys=True) for item in items)
        # by its hash: what is nested deep would be written out again at every level above it
        ordered["v"] = hashlib.sha256("\n".join(texts).encode("ascii")).hexdigest()
    return ordered
