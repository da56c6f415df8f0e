"""JSON Schemas of annotations and signatures, for providers that want tools described that way."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import inspect
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from ..messages import Json

__all__ = ("parameters_of", "schema_of")

_PLAIN: Mapping[Any, dict[str, Json]] = {
    str: {"type": "string"}, int: {"type": "integer"}, float: {"type": "number"}, bool: {"type": "boolean"},
    list: {"type": "array"}, tuple: {"type": "array"}, set: {"type": "array"}, frozenset: {"type": "array"},
    dict: {"type": "object"}, type(None): {"type": "null"}, bytes: {"type": "string"},
    dt.datetime: {"type": "string", "format": "date-time"}, dt.date: {"type": "string", "format": "date"},
    dt.time: {"type": "string", "format": "time"},
}  # fmt: skip


def parameters_of(signature: inspect.Signature, descriptions: Mapping[str, str]) -> dict[str, Json]:
    """Give the object schema of a function's arguments, with defaults and descriptions."""
    properties: dict[str, Json] = {}
    required: list[Json] = []
    for name, parameter in signature.parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        schema = schema_of(parameter.annotation)
        if name in descriptions:
            schema["description"] = descriptions[name]
        if parameter.default is parameter.empty:
            required.append(name)
        elif isinstance(parameter.default, (bool, int, float, str)):
            schema["default"] = parameter.default
        properties[name] = schema
    open_ended = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": open_ended}


def schema_of(annotation: Any) -> dict[str, Json]:
    """Give the schema of an annotation; an empty one, which allows everything, for what JSON cannot say."""
    if plain := _PLAIN.get(annotation if annotation is not None else type(None)):
        return dict(plain)
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return schema_of(args[0])
    if origin is typing.Literal:
        return {"enum": list(args)}
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [schema_of(arg) for arg in args]}
    if isinstance(origin, type):
        return _generic(origin, args)
    if hasattr(annotation, "model_json_schema"):
        return dict(annotation.model_json_schema())
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return {"enum": [member.value for member in annotation]}
    if dataclasses.is_dataclass(annotation) or typing.is_typeddict(annotation):
        return _fields(annotation)
    supertype = getattr(annotation, "__supertype__", None)
    return schema_of(supertype) if supertype else {}


def _generic(origin: type[Any], args: tuple[Any, ...]) -> dict[str, Json]:
    if issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": schema_of(args[1])}
    if origin is tuple and not (len(args) == 2 and args[1] is Ellipsis):
        items: list[Json] = [schema_of(arg) for arg in args]
        return {"type": "array", "prefixItems": items, "minItems": len(args), "maxItems": len(args)}
    return {"type": "array", "items": schema_of(args[0])} if issubclass(origin, Iterable) else {}


def _fields(cls: Any) -> dict[str, Json]:
    hints = typing.get_type_hints(cls)
    if dataclasses.is_dataclass(cls):
        missing = dataclasses.MISSING
        fields = dataclasses.fields(cls)
        required = [f.name for f in fields if f.default is missing and f.default_factory is missing]
    else:
        required = sorted(cls.__required_keys__)
    properties: dict[str, Json] = {name: schema_of(hint) for name, hint in hints.items()}
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
