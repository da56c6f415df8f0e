"""Fits values to annotations, so that a model's `"5"` reaches an `int` as 5.

It takes what can only mean one thing and refuses the rest with a reason that a model can act on.
Where two readings are possible:

* A number is its text where text is wanted, and text of a number is that number. A bool is no number
  and no text (`True` or `true`?); 1 and 0 are bools. A number with a fraction is no `int`.
* JSON or Python text of a list, dict or object is that, but only where text is not wanted.
* Anything iterable but text and mappings is a list, tuple or set; a fixed tuple has its exact length.
* Of a union, the member of just the value's type comes first, then the others in their order. So
  `"5"` stays text for `int | str` and is 5 for `int | None`.
* A `Literal` or an enum takes the text of a choice in any case; an enum looks at values, then names.
* A dataclass, TypedDict or NamedTuple takes a mapping, or an object with those attributes. A key that
  it does not have is refused, since it may be a misspelt one.
* Text is ISO for dates and times and UTF-8 for bytes. A number is seconds for a timedelta.
* An annotation that cannot be resolved, a type variable and a plain Protocol take anything.

It never calls a value, and evaluates no text beyond literals. Text from a model may be hostile, so
nothing here grows beyond what was written: no exponent becomes an integer of a billion digits.
"""

from __future__ import annotations

import ast
import collections.abc
import datetime as dt
import enum
import inspect
import json
import operator
import reprlib
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from types import NoneType
from typing import Any, NoReturn
from uuid import UUID

from .annotations import UNIONS, bare, choice_of, describe, fields_of, is_free

__all__ = ("describe", "fit", "fit_parameter")

_LONGEST_TEXT = 1_000_000
"""No longer text is taken for a written list or dict."""
_LONGEST_LITERAL = 200_000
"""Nor a longer one for one of Python: reading that takes hundreds of times its memory."""
_MOST_COUNTED, _MOST_DIGITS = 1_000_000, 5000
"""Items that a range may become, and the exponent of a decimal that becomes a fraction: few bytes say either."""
_BUILT = (list, tuple, set, frozenset, collections.deque)


def fit_parameter(value: Any, parameter: inspect.Parameter) -> Any:
    """Fit an argument to its parameter, each of its items where the parameter is `*args` or `**kwargs`.

    Raises ValueError with the parameter's name.
    """
    with_name = f"argument {parameter.name!r}"
    if parameter.kind is parameter.VAR_POSITIONAL:
        return tuple(_within(with_name, item, parameter.annotation) for item in value)
    if parameter.kind is parameter.VAR_KEYWORD:
        return {name: _within(f"argument {name!r}", item, parameter.annotation) for name, item in value.items()}
    return _within(with_name, value, parameter.annotation)


def fit(value: Any, annotation: Any) -> Any:
    """Give the value as the annotation wants it, by the rules above. Raises ValueError with a readable reason."""
    wanted = bare(annotation)
    origin, args = typing.get_origin(wanted), typing.get_args(wanted)
    if is_free(wanted) or getattr(type(value), "is_gone", False):  # a resumed run has made the call with what was there
        return value
    if origin in UNIONS:
        fitted = _union(value, args)
    elif origin is typing.Literal:
        fitted = _choice(value, [(choice, (choice,)) for choice in args], wanted)
    else:
        base = origin or wanted
        fitted = _of_class(value, base, args) if isinstance(base, type) else value
    return _constrained(fitted, annotation)


def _of_class(value: Any, base: type[Any], args: tuple[Any, ...]) -> Any:
    try:
        if (reader := _READERS.get(base)) is not None:
            return value if _is(value, base) else _read(reader, value)
        if fields_of(base) is not None:
            return _record(value, base)
        if hasattr(base, "model_validate"):
            return _model(value, base)
        if issubclass(base, enum.Enum):
            return _member(value, base)
        if issubclass(base, PurePath):
            return value if isinstance(value, base) else base(value)
        if issubclass(base, Mapping):
            return _mapping(value, base, args)
        if base in _BUILT or _is_abstract_collection(base):
            return _items(value, base, args)
        return value if _accepts(base, value) else _refuse(value, base)
    except ValueError:
        raise
    except Exception:  # noqa: BLE001  # foreign code: classes, validators, and numbers and tables that raise when they are compared
        raise ValueError(_reason(value, base[args] if args else base)) from None


def _read(reader: Callable[[Any], Any], value: Any) -> Any:
    try:
        return reader(value)
    except (ValueError, KeyError):
        raise _Unfit from None


class _Unfit(Exception):
    """The value is not of the wanted kind; the caller knows how to say so."""


def _refuse(*_: Any) -> NoReturn:
    raise _Unfit


def _reason(value: Any, wanted: Any) -> str:
    name = describe(wanted)
    return f"{shown(value)} is not {'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"


def shown(value: Any) -> str:
    """Give a value's repr, short."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = 80
    try:
        return short.repr(value)
    except ValueError:  # an integer of thousands of digits
        return type(value).__name__


def _is(value: Any, base: type[Any]) -> bool:
    return isinstance(value, base) and not (isinstance(value, bool) and base is not bool)


def _within(where: str, value: Any, annotation: Any) -> Any:
    try:
        return fit(value, annotation)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _union(value: Any, members: tuple[Any, ...]) -> Any:
    exact = [member for member in members if _is_exactly(value, bare(member))]
    reasons: dict[Any, str] = {}
    for member in (*exact, *members):
        try:
            return fit(value, member)
        except ValueError as error:
            reasons.setdefault(describe(member), str(error))
    told = [reason for name, reason in reasons.items() if name != "None"]
    raise ValueError(told[0] if exact or len(told) == 1 else _reason(value, typing.Union[members]))  # noqa: UP007  # built from a tuple


def _is_exactly(value: Any, member: Any) -> bool:
    if typing.get_origin(member) is typing.Literal:
        return any(type(value) is type(choice) and value == choice for choice in typing.get_args(member))
    return type(value) is (typing.get_origin(member) or member)


def _choice(value: Any, choices: list[tuple[Any, tuple[Any, ...]]], wanted: Any) -> Any:
    """Give the choice that the value is, or is the text of: for each choice, what may stand for it."""
    for choice, names in choices:
        if any(type(value) is type(name) and value == name for name in names):
            return choice
    text = _folded(value)
    for choice, names in choices:
        if text is not None and text in map(_folded, names):
            return choice
    raise ValueError(f"{shown(value)} is not one of {', '.join(repr(names[0]) for _, names in choices)}")


def _folded(value: Any) -> str | None:
    return str(value).strip().casefold() if isinstance(value, (str, int, float, NoneType)) else None


def _member(value: Any, cls: type[enum.Enum]) -> enum.Enum:
    if isinstance(value, cls):
        return value
    by_value = [(member, (choice_of(member), member.value)) for member in cls]
    by_name = [(member, (name,)) for name, member in cls.__members__.items()]
    try:
        return typing.cast("enum.Enum", _choice(value, by_value, cls))
    except ValueError as error:
        try:
            return typing.cast("enum.Enum", _choice(value, by_name, cls))
        except ValueError:
            raise error from None


def _record(value: Any, cls: type[Any]) -> Any:
    fields = fields_of(cls) or {}
    is_dict = issubclass(cls, dict)
    if not is_dict and isinstance(value, cls):
        return value
    given = _from_text(value)
    if issubclass(cls, tuple) and isinstance(given, (list, tuple)) and len(given) <= len(fields):
        given = dict(zip(fields, given, strict=False))
    if not isinstance(given, Mapping):
        given = _attributes(given, fields)
    if unknown := [name for name in given if name not in fields]:
        raise ValueError(f"{cls.__name__} has no {unknown[0]!r}; it is {describe(cls)}")
    if missing := [name for name, field in fields.items() if field.required and name not in given]:
        raise ValueError(f"{cls.__name__} needs {', '.join(map(repr, missing))}; it is {describe(cls)}")
    fitted = {
        name: _within(repr(name), given[name], field.annotation) for name, field in fields.items() if name in given
    }
    try:
        return fitted if is_dict else cls(**fitted)
    except Exception as error:  # noqa: BLE001  # foreign code
        raise ValueError(f"no {cls.__name__} can be made of {shown(value)}: {error}") from None


def _attributes(value: Any, names: Iterable[str]) -> dict[str, Any]:
    """An object such as a record that came over the wire. A builtin is none: a str too has a `title`."""
    found = (
        {}
        if type(value).__module__ == "builtins"
        else {name: getattr(value, name) for name in names if hasattr(value, name)}
    )
    return found or _refuse()


def _model(value: Any, cls: Any) -> Any:
    """A pydantic model validates by itself, and tells what is wrong by itself."""
    if isinstance(value, cls):
        return value
    given = _from_text(value)
    try:
        return (
            cls.model_validate(given) if isinstance(given, Mapping) else cls.model_validate(given, from_attributes=True)
        )
    except Exception as error:  # noqa: BLE001  # foreign code: its validators
        raise ValueError(_told(error, cls)) from None


def _told(error: Exception, wanted: Any) -> str:
    """The complaints of a pydantic error, without its links."""
    if not callable(getattr(error, "errors", None)):
        return str(error) if isinstance(error, ValueError) else f"not a {describe(wanted)}: {type(error).__name__}"
    found = [(".".join(map(str, item["loc"])), item["msg"]) for item in error.errors()]  # type: ignore[attr-defined]
    return f"not a {describe(wanted)}: " + "; ".join(f"{place}: {what}" if place else what for place, what in found)


def _constrained(value: Any, annotation: Any) -> Any:
    """Hold a fitted value to the constraints of an `Annotated` that only pydantic can read."""
    notes = getattr(annotation, "__metadata__", ())
    pydantic = sys.modules.get("pydantic")
    if pydantic is None or not any(
        type(note).__module__.partition(".")[0] in ("pydantic", "annotated_types") for note in notes
    ):
        return value
    try:
        return pydantic.TypeAdapter(annotation).validate_python(value)
    except Exception as error:  # noqa: BLE001  # foreign code: a signalling NaN cannot even be compared
        raise ValueError(_told(error, annotation)) from None


def _mapping(value: Any, base: type[Any], args: tuple[Any, ...]) -> Any:
    given = _from_text(value)
    if not isinstance(given, Mapping):
        _refuse()
    if len(args) != 2:
        return given if isinstance(given, base) else dict(given)
    key, item = args
    return {_within(f"key {shown(k)}", k, key): _within(f"[{shown(k)}]", v, item) for k, v in given.items()}


def _items(value: Any, base: type[Any], args: tuple[Any, ...]) -> Any:
    given = _from_text(value)
    if isinstance(given, (str, bytes, bytearray, Mapping)) or not isinstance(given, Iterable):
        _refuse()
    if isinstance(given, range) and given[_MOST_COUNTED:]:
        _refuse()
    tolist = getattr(given, "tolist", None)  # of an array: Python's own numbers
    given = given if isinstance(given, _BUILT) or not callable(tolist) else tolist()
    kind = base if base in _BUILT else set if issubclass(base, collections.abc.Set) else list
    if not args:
        return given if isinstance(given, base) else kind(given)
    items = list(given)
    if base is tuple and args[-1:] != (Ellipsis,):
        if len(items) != len(args):
            _refuse()
        return tuple(_within(f"item {n}", item, arg) for n, (item, arg) in enumerate(zip(items, args, strict=True), 1))
    return kind(_within(f"item {n}", item, args[0]) for n, item in enumerate(items, 1))


def _is_abstract_collection(base: type[Any]) -> bool:
    """`Iterable`, `Sequence`, `Set` and their like, which a list or a set fulfils."""
    return (base.__module__ == "collections.abc" and issubclass(list, base)) or base in (
        collections.abc.Set,
        collections.abc.MutableSet,
    )


def _accepts(base: type[Any], value: Any) -> bool:
    try:
        return isinstance(value, base)
    except TypeError:  # a Protocol that does not want to be asked
        return True


def _from_text(value: Any) -> Any:
    """What a text that looks like a list or dict holds; any other value as it is."""
    if not isinstance(value, str) or value.strip()[:1] not in tuple("[{(") or len(value) > _LONGEST_TEXT:
        return value
    for read in (json.loads, ast.literal_eval) if len(value) <= _LONGEST_LITERAL else (json.loads,):
        try:
            return read(value.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
    return value


def _none(value: Any) -> None:
    return None if _folded(value) in ("none", "null") else _refuse()


def _bool(value: Any) -> bool:
    if isinstance(value, str):
        return {"true": True, "false": False}[value.strip().casefold()]
    return bool(value) if value in (0, 1) else _refuse()


def _int(value: Any) -> int:
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            value = float(value)
    if isinstance(value, bool):
        _refuse()
    if isinstance(value, typing.SupportsIndex):
        return operator.index(value)
    return int(value) if float(value).is_integer() else _refuse()


def _float(value: Any) -> float:
    return _refuse() if isinstance(value, bool) else float(value)


def _str(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return _str(value.value)
    if isinstance(value, str):
        return value
    plain = isinstance(value, (int, float, Decimal, Fraction, PurePath, UUID)) and not isinstance(value, bool)
    return str(value) if plain else _refuse()


def _number(kind: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
            _refuse()
        exponent = isinstance(value, str) and "e" in value.casefold()
        if (
            isinstance(value, Decimal)
            and value.is_finite()
            and abs(value.adjusted()) > _MOST_DIGITS
            and kind is Fraction
        ):
            _refuse()
        return kind(float(value) if exponent else str(value))

    return read


def _date(text: str) -> dt.date:
    moment = dt.datetime.fromisoformat(text)
    return _refuse() if moment.time() != dt.time() else moment.date()


_READERS: Mapping[Any, Callable[[Any], Any]] = {
    NoneType: _none,
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
    bytes: lambda value: value.encode() if isinstance(value, str) else bytes(memoryview(value)),
    complex: _number(complex),
    Decimal: _number(lambda text: Decimal(str(text))),
    Fraction: _number(Fraction),
    UUID: UUID,
    dt.datetime: dt.datetime.fromisoformat,
    dt.date: _date,
    dt.time: dt.time.fromisoformat,
    dt.timedelta: lambda value: dt.timedelta(seconds=_float(value)),
}
