"""Secrets in values that are more than plain texts and containers: whatever crosses the wire as data is searched.

What crosses as a handle is given as it is: the other side reads nothing of it.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable
from copy import copy
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from typing import Any, TypeAlias

__all__ = ("covered",)

Cover: TypeAlias = Callable[[Any], Any]

_MISSING = object()


def covered(value: Any, cover: Cover) -> Any:
    """Give a value of a class that is not plain, with what `cover` covers; one that holds no secret as it is."""
    if isinstance(value, enum.Enum):  # all members of its class cross with it
        clean = all(cover(member.value) is member.value for member in type(value))
        return value if clean else cover(value.value)
    if is_dataclass(value) and not isinstance(value, type):
        return _data(value, cover)
    for base in (str, bytes, bytearray, dict, list, tuple, set, frozenset):
        if isinstance(value, base):
            return _subclass(value, base, cover)
    if isinstance(value, PurePath):
        text = str(value)
        return value if (now := cover(text)) is text else type(value)(now)
    for library, search in (("pandas", _pandas), ("numpy", _numpy)):
        if library in sys.modules and (now := search(value, cover)) is not _MISSING:
            return now
    return value


def _subclass(value: Any, base: type[Any], cover: Cover) -> Any:
    """A value of a class made of a builtin one crosses as the builtin one, and is it where it held a secret."""
    plain: Any = bytes(value) if base is bytearray else base(value)
    if base is str:
        plain = str.__str__(value)
        plain = plain if type(plain) is str else str.__add__(value, "")
    now = cover(plain)
    if now is plain:
        return value
    return bytearray(now) if base is bytearray else now


def _data(value: Any, cover: Cover) -> Any:
    changed = {}
    for field in fields(value):
        before = getattr(value, field.name, _MISSING)
        if before is not _MISSING and (now := cover(before)) is not before:
            changed[field.name] = now
    if not changed:
        return value
    other = copy(value)
    for name, now in changed.items():
        object.__setattr__(other, name, now)  # a copy that nobody has seen yet
    return other


def _items(items: list[Any], cover: Cover) -> list[Any] | None:
    """Give the items covered, or None where none holds a secret."""
    now = [cover(item) for item in items]
    return None if all(a is b for a, b in zip(now, items, strict=True)) else now


def _numpy(value: Any, cover: Cover) -> Any:
    import numpy as np  # loaded already, else there were no such value

    if isinstance(value, np.void):
        raw = value.tobytes()
        return value if cover(raw) is raw else cover(raw)
    if not isinstance(value, np.ndarray):
        return _MISSING
    if value.dtype.names or value.dtype.kind in "OSU":
        now = _items(value.ravel().tolist(), cover)
        if now is None:
            return value
        made = np.empty(len(now), dtype=object)
        for place, item in enumerate(now):
            made[place] = item
        made = made.reshape(value.shape)
        return made.astype(value.dtype.kind) if value.dtype.kind in "SU" else made
    if value.dtype.itemsize == 1 or value.dtype.kind == "V":  # bytes, whatever they are called
        raw = value.tobytes()
        now_raw = cover(raw)
        return value if now_raw is raw else np.frombuffer(now_raw, dtype=np.uint8)
    return value


def _pandas(value: Any, cover: Cover) -> Any:
    import pandas as pd  # as above

    if isinstance(value, pd.DataFrame):
        return _frame(value, cover)
    if isinstance(value, pd.Series):
        cells, index, name = _cells(value, cover), covered(value.index, cover), cover(value.name)
        if cells is None and index is value.index and name is value.name:
            return value
        return pd.Series(value.array if cells is None else cells, index=index, name=name)
    if isinstance(value, pd.Index):
        cells, names = _cells(value, cover), _items(list(value.names), cover)
        if cells is None and names is None:
            return value
        index = value.copy() if cells is None else pd.Index(cells)
        index.names = list(value.names) if names is None else names
        return index
    return _MISSING


def _frame(value: Any, cover: Cover) -> Any:
    columns = [value.iloc[:, place] for place in range(value.shape[1])]
    changed = {place: now for place, held in enumerate(columns) if (now := _cells(held, cover)) is not None}
    names, index = covered(value.columns, cover), covered(value.index, cover)
    if not changed and names is value.columns and index is value.index:
        return value
    frame = value.copy()
    for place, now in changed.items():
        frame.isetitem(place, now)
    frame.columns, frame.index = names, index
    return frame


def _cells(held: Any, cover: Cover) -> list[Any] | None:
    """Give the cells of a column or an index covered, or None where none holds a secret: numbers and dates are none."""
    return None if held.dtype.kind in "biufcmM" else _items(held.tolist(), cover)
