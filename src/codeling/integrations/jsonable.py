"""Values of programs as JSON, for servers that take nothing else."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import enum
import io
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from uuid import UUID

from ..errors import BadArguments

__all__ = ("jsonable",)

_TEXTS = (PurePath, UUID, Decimal)


def jsonable(value: Any) -> Any:
    """Give the value as JSON: dates as ISO text, bytes and pictures as base64. Raises `BadArguments`."""
    if isinstance(value, enum.Enum):
        return jsonable(value.value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: jsonable(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, _TEXTS):
        return str(value)
    return _foreign(value)


def _foreign(value: Any) -> Any:
    """What libraries' values are: arrays and frames as lists, pictures as PNG files."""
    if callable(to_dict := getattr(value, "model_dump", None)):
        return jsonable(to_dict())
    if hasattr(value, "columns") and callable(getattr(value, "to_dict", None)):
        return jsonable(value.to_dict("records"))
    if callable(tolist := getattr(value, "tolist", None)):
        return jsonable(tolist())
    if callable(getattr(value, "save", None)) and hasattr(value, "mode"):
        buffer = io.BytesIO()
        value.save(buffer, format="PNG")
        return jsonable(buffer.getvalue())
    if isinstance(value, Iterable):
        return [jsonable(item) for item in value]
    raise BadArguments(f"a value of type {type(value).__name__!r} cannot be sent as JSON; give plain values")
