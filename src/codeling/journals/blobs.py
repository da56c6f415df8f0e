"""Large values apart from their events: stored once for all events and runs of a journal, by content.

A stored event names them in a list of its own, `blobs`, by their places; nothing that a value holds can
be taken for such a name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

__all__ = ("Blobs", "filled", "named", "split")

Blobs: TypeAlias = dict[str, str]
"""Values as JSON text, in ASCII, by the SHA-256 of that text in hex."""
Place: TypeAlias = "tuple[str | int, ...]"

TEXT = 4096
"""Characters of a text that is stored apart."""
REST = 16384
"""Characters of what is left of a field, from which the field is stored apart as a whole."""


def split(record: Mapping[str, Any]) -> tuple[dict[str, Any], Blobs]:
    """Give the record without its large values, and those."""
    names: list[list[Any]] = []
    blobs: Blobs = {}

    def apart(place: Place, text: str) -> None:
        hash = hashlib.sha256(text.encode("ascii")).hexdigest()
        blobs[hash] = text
        names.append([list(place), hash])

    def lean(value: Any, place: Place) -> Any:
        match value:
            case str() if len(value) >= TEXT:
                return apart(place, json.dumps(value))
            case list():
                return [lean(item, (*place, number)) for number, item in enumerate(value)]
            case dict():
                return {key: lean(item, (*place, key)) for key, item in value.items()}
        return value

    slim = {}
    for field, value in record.items():
        slim[field] = lean(value, (field,))
        text = json.dumps(slim[field], separators=(",", ":"))
        if len(text) >= REST:
            apart((field,), text)
            slim[field] = None
    # From the outside in: what stands inside a field that is stored as a whole is put back after it.
    return {**slim, "blobs": sorted(names, key=lambda name: len(name[0]))}, blobs


def named(record: Mapping[str, Any]) -> Iterator[str]:
    """Give the hashes of the values that a record names."""
    for _, hash in record.get("blobs", ()):
        yield hash


def filled(record: dict[str, Any], blobs: Mapping[str, str]) -> dict[str, Any]:
    """Give the record with its large values. Raises KeyError for one that is missing."""
    for place, hash in record.pop("blobs", ()):
        inside: Any = record
        for key in place[:-1]:
            inside = inside[key]
        inside[place[-1]] = json.loads(blobs[hash])
    return record
