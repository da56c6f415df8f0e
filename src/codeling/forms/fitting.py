"""Fits values to annotations, as a kind reader would: `"5"` for an `int` is 5. Refuses the rest with a reason."""

from __future__ import annotations

import dataclasses
import datetime  # noqa: ICN001  # its types are named in full here
import decimal
import enum
import fractions
import inspect
import json
import os
import pathlib
import types
import typing
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

__all__ = ("describe", "fit", "fit_parameter")

_NOTHING = (Any, object, inspect.Parameter.empty, None)
_WORDS = {"true": True, "false": False}


def fit_parameter(value: Any, parameter: inspect.Parameter) -> Any:
    """Fit an argument to its parameter. Raises ValueError that names the argument."""
    try:
        if parameter.kind is parameter.VAR_POSITIONAL:
            return tuple(fit(item, parameter.annotation) for item in value)
        if parameter.kind is parameter.VAR_KEYWORD:
            return {key: fit(item, parameter.annotation) for key, item in value.items()}
        return fit(value, parameter.annotation)
    except ValueError as error:
        raise ValueError(f"argument {parameter.name!r}: {error}") from None


def fit(value: Any, annotation: Any) -> Any:
    """Give the value as the annotation wants it. Raises ValueError with a reason that a model can act on.

    Numbers and booleans are read from texts and numbers become texts; JSON texts become lists, dicts
    and objects; ISO texts become dates; dicts become dataclasses and pydantic models; enum members are
    found by value or name. Of a union the member whose type the value already has comes first, then
    the first that fits.
    """
    if annotation in _NOTHING and annotation is not None:
        return value
    if annotation is None or annotation is type(None):
        if value is None:
            return None
        raise _refusal(value, "None")
    origin = typing.get_origin(annotation)
    if origin is not None:
        return _fit_generic(value, annotation, origin, typing.get_args(annotation))
    if isinstance(annotation, (typing.TypeVar, str)):
        return value
    if supertype := getattr(annotation, "__supertype__", None):
        return fit(value, supertype)
    if not isinstance(annotation, type):
        return fit(value, annotation.__value__) if hasattr(annotation, "__value__") else value
    return _fit_class(value, annotation)


def describe(annotation: Any) -> str:
    """Give the annotation as a reader would write it."""
    if annotation is None or annotation is type(None):
        return "None"
    if isinstance(annotation, type) and typing.get_origin(annotation) is None:
        return annotation.__name__
    return inspect.formatannotation(annotation)


def _refusal(value: Any, wanted: str) -> ValueError:
    shown = repr(value)
    return ValueError(f"{shown if len(shown) <= 80 else shown[:77] + '...'} is not {wanted}")


def _a(annotation: Any) -> str:
    name = describe(annotation)
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _fit_generic(value: Any, annotation: Any, origin: Any, args: tuple[Any, ...]) -> Any:
    if origin is typing.Annotated:
        return fit(value, args[0])
    if origin is typing.Literal:
        return _fit_literal(value, args)
    if origin in (typing.Union, types.UnionType):
        return _fit_union(value, args)
    if origin in (typing.ClassVar, typing.Final, typing.Required, typing.NotRequired):
        return fit(value, args[0])
    if isinstance(origin, type) and issubclass(origin, (str, bytes)):
        return fit(value, origin)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        pairs = _fit_class(value, dict).items()
        return {fit(key, args[0]): fit(item, args[1]) for key, item in pairs}
    if origin is tuple:
        return _fit_tuple(value, args)
    if origin in _SEQUENCES:
        made = _SEQUENCES[origin]
        return made(fit(item, args[0]) for item in _fit_class(value, made))
    return value


def _fit_literal(value: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        if value == choice and type(value) is type(choice):
            return choice
    for choice in choices:
        if str(value) == str(choice) or value == choice:
            return choice
    raise _refusal(value, "one of " + ", ".join(map(repr, choices)))


def _fit_union(value: Any, members: tuple[Any, ...]) -> Any:
    exact = [member for member in members if type(value) is (typing.get_origin(member) or member)]
    reasons = []
    for member in (*exact, *members):
        try:
            return fit(value, member)
        except ValueError as error:
            reasons.append(str(error))
    raise _refusal(value, " or ".join(describe(member) for member in members))


def _fit_tuple(value: Any, args: tuple[Any, ...]) -> Any:
    items = tuple(_fit_class(value, tuple))
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(fit(item, args[0]) for item in items)
    if len(items) != len(args):
        raise _refusal(value, f"a tuple of {len(args)} items")
    return tuple(fit(item, arg) for item, arg in zip(items, args, strict=True))


def _fit_class(value: Any, cls: type[Any]) -> Any:
    if type(value) is cls:
        return value
    if reader := _READERS.get(cls):
        try:
            return reader(value)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise _refusal(value, _a(cls)) from error
    if hasattr(cls, "model_validate"):
        return _fit_model(value, cls)
    if isinstance(value, cls):
        return value
    if issubclass(cls, enum.Enum):
        return _fit_enum(value, cls)
    if dataclasses.is_dataclass(cls) or typing.is_typeddict(cls) or hasattr(cls, "_fields"):
        return _fit_fields(value, cls)
    if cls in (Callable, os.PathLike) or getattr(cls, "_is_protocol", False):
        return value
    raise _refusal(value, _a(cls))


def _fit_model(value: Any, cls: Any) -> Any:
    """A pydantic model validates by itself; its own list of what is wrong is the reason."""
    if isinstance(value, cls):
        return value
    try:
        return cls.model_validate(_mapping(value))
    except ValueError as error:
        raise ValueError(f"not {_a(cls)}: {error}") from error


def _fit_enum(value: Any, cls: type[enum.Enum]) -> Any:
    plain = getattr(value, "value", value)
    for member in cls:
        if plain in (member.value, member.name) or str(plain) == str(member.value):
            return member
    raise _refusal(value, "one of " + ", ".join(repr(member.value) for member in cls))


def _fit_fields(value: Any, cls: Any) -> Any:
    given = _mapping(value)
    if isinstance(given, (list, tuple)) and hasattr(cls, "_fields"):
        given = dict(zip(cls._fields, given, strict=False))
    if not isinstance(given, Mapping):
        raise _refusal(value, f"{_a(cls)}, given as a dict of its fields")
    hints = typing.get_type_hints(cls)
    if unknown := [name for name in given if name not in hints]:
        raise ValueError(f"{cls.__name__} has no field {unknown[0]!r}; it has: {', '.join(hints)}")
    fitted = {}
    for name, item in given.items():
        try:
            fitted[name] = fit(item, hints[name])
        except ValueError as error:
            raise ValueError(f"field {name!r}: {error}") from None
    try:
        return cls(**fitted)
    except TypeError as error:
        raise ValueError(str(error)) from None


def _mapping(value: Any) -> Any:
    """An object's fields, or what a JSON text holds."""
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        return json.loads(value)
    if not isinstance(value, (Mapping, list, tuple)) and hasattr(value, "__dict__"):
        return {name: item for name, item in vars(value).items() if not name.startswith("_")}
    return value


def _bool(value: Any) -> bool:
    if isinstance(value, str):
        word = value.strip().lower()
        return _WORDS[word] if word in _WORDS else _fail()
    return bool(value) if value in (0, 1) else _fail()


def _int(value: Any) -> int:
    if isinstance(value, bool) or (not isinstance(value, str) and value != int(value)):
        _fail()
    return int(value)


def _float(value: Any) -> float:
    return _fail() if isinstance(value, bool) else float(value)


def _str(value: Any) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, enum.Enum):
        return _str(value.value)
    return str(value) if isinstance(value, (int, float, decimal.Decimal, uuid.UUID, pathlib.PurePath)) else _fail()


def _collection(kind: type[Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if isinstance(value, str):
            value = json.loads(value)
        if kind is dict:
            return dict(value) if isinstance(value, Mapping) else _fail()
        tolist = getattr(value, "tolist", None)
        value = tolist() if callable(tolist) else value
        return _fail() if isinstance(value, (str, bytes, Mapping)) else kind(value)

    return read


def _moment(kind: Any) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        if kind is datetime.date and isinstance(value, str):
            return datetime.datetime.fromisoformat(value).date()
        return kind.fromisoformat(value)

    return read


def _delta(value: Any) -> datetime.timedelta:
    return value if isinstance(value, datetime.timedelta) else datetime.timedelta(seconds=_float(value))


def _fail() -> NoReturn:
    raise ValueError


_SEQUENCES: Mapping[Any, Any] = {
    list: list, set: set, frozenset: frozenset, typing.get_origin(typing.Sequence): list,
    typing.get_origin(typing.Iterable): list, typing.get_origin(typing.Collection): list,
}  # fmt: skip
_READERS: Mapping[Any, Callable[[Any], Any]] = {
    bool: _bool, int: _int, float: _float, str: _str, bytes: lambda v: v.encode() if isinstance(v, str) else bytes(v),
    complex: complex, list: _collection(list), tuple: _collection(tuple), set: _collection(set),
    frozenset: _collection(frozenset), dict: _collection(dict), decimal.Decimal: lambda v: decimal.Decimal(str(v)),
    fractions.Fraction: fractions.Fraction, uuid.UUID: lambda v: uuid.UUID(str(v)), pathlib.Path: pathlib.Path,
    datetime.datetime: _moment(datetime.datetime), datetime.date: _moment(datetime.date),
    datetime.time: _moment(datetime.time), datetime.timedelta: _delta,
}  # fmt: skip
