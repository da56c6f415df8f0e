"""Events as JSON data, and back. Old records are read for ever; this file is their one format."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

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
    checks = _checks(cls)  # type: ignore[arg-type]  # a class can be hashed
    given = {name: _unpack(value, decode) for name, value in data.items() if name in checks}
    for name, value in given.items():
        exact, fits = checks[name]
        if type(value) not in exact and not fits(value):
            raise ValueError(f"{name!r} of {cls.__name__} cannot be {value!r:.200}")
    return cls(**given)


_LAST = 1e11
"""Seconds since the epoch of the latest moment that is believed: clocks and calendars can show it."""


def _is_moment(value: Any) -> bool:
    return isinstance(value, (float, int)) and 0 <= value < _LAST


@cache
def _checks(cls: type[Any]) -> Mapping[str, tuple[frozenset[type], Callable[[Any], bool]]]:
    hints = get_type_hints(cls)
    return {
        name: (frozenset[type](), _is_moment) if name == "at" else (_exact(hints[name]), _check(hints[name]))
        for name in _names(cls)
    }


def _exact(hint: Any) -> frozenset[type]:
    """Give the classes whose own instances all fit, as nearly every value's: looked up first, for journals are long."""
    wanted = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return frozenset(each for each in wanted if each in (str, int, bool, types.NoneType, Usage))


def _check(hint: Any) -> Callable[[Any], bool]:
    """Give a function that says whether a value may stand in a field of this type."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        some = [_check(each) for each in inner]
        return lambda value: any(check(value) for check in some)
    if origin is Literal:
        return lambda value: value in inner
    if origin is tuple:
        items = [_check(each) for each in inner if each is not ...]
        if ... in inner:
            return lambda value: isinstance(value, tuple) and all(items[0](item) for item in value)
        return lambda value: (
            isinstance(value, tuple) and len(value) == len(items)
            and all(check(item) for check, item in zip(items, value, strict=True))
        )  # fmt: skip
    if hint is float:  # what is no number or endless cannot be shown, nor written as JSON
        return lambda value: isinstance(value, (float, int)) and -math.inf < value < math.inf
    kind: Any = object if hint is Any else origin or hint
    return lambda value: isinstance(value, kind)
