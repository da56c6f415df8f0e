"""Events as JSON data, and back. Old records are read for ever; this file is their one format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, cast

from ..events import Event
from ..messages import Audio, Delta, Image, Json, Reply, ToolCall, Usage
from . import events as _rare  # noqa: F401  # their classes must be known to read them back

__all__ = ("event_from", "record_of")


_FORMAT = 1
_EVENTS: Mapping[str, type[Event]] = {cls.__name__: cls for cls in Event.__subclasses__()}
_PLAIN: Mapping[str, type[Any]] = {cls.__name__: cls for cls in (Audio, Delta, Image, Reply, ToolCall, Usage)}


def record_of(event: Event, encode: Callable[[Any], Json]) -> dict[str, Json]:
    """Give the event as JSON data; `encode` turns the values in it into data."""
    return {"event": type(event).__name__, "format": _FORMAT, **_fields(event, encode)}


def event_from(record: Mapping[str, Json], decode: Callable[[Json], Any]) -> Event:
    """Give the event of a record back. Raises ValueError for one that a newer version wrote."""
    cls = _EVENTS.get(str(record.get("event")))
    if cls is None or cast("int", record.get("format", _FORMAT)) > _FORMAT:
        raise ValueError(f"a newer codeling wrote this event, {record.get('event')!r}; update codeling to read it")
    return cast("Event", _build(cls, record, decode))


def _fields(value: Any, encode: Callable[[Any], Json]) -> dict[str, Json]:
    return {name: _pack(getattr(value, name), encode) for name in _names(type(value))}


def _names(cls: type[Any]) -> tuple[str, ...]:
    names = _known.get(cls)
    if names is None:
        names = _known[cls] = tuple(f.name for f in fields(cls))
    return names


_WIDE = 1 << 53
_known: dict[type[Any], tuple[str, ...]] = {}
"""Field names by class: `fields` makes them anew each time."""


def _pack(value: Any, encode: Callable[[Any], Json]) -> Json:
    kind = type(value)
    if value is None or kind is str or kind is bool or (kind is int and -_WIDE < value < _WIDE):  # as in every codec
        return cast("Json", value)
    name = kind.__name__
    if _PLAIN.get(name) is type(value):
        return {"@": name, **_fields(value, encode)}
    if type(value) is tuple and value and type(value[0]) in _PLAIN.values():
        return {"@": "tuple", "items": [_pack(item, encode) for item in value]}
    data = encode(value)
    return {"@": "plain", "value": data} if isinstance(data, dict) and "@" in data else data


def _unpack(data: Json, decode: Callable[[Json], Any]) -> Any:
    match data:
        case {"@": "tuple", "items": list(items)}:
            return tuple(_unpack(item, decode) for item in items)
        case {"@": "plain", "value": inner}:  # a value of the program that looks like one of ours
            return decode(inner)
        case {"@": str(name)} if name in _PLAIN:
            return _build(_PLAIN[name], cast("dict[str, Json]", data), decode)
    return decode(data)


def _build(cls: type[Any], data: Mapping[str, Json], decode: Callable[[Json], Any]) -> Any:
    known = _names(cls)
    return cls(**{name: _unpack(value, decode) for name, value in data.items() if name in known})
