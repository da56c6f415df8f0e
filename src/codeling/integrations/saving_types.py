"""Types as text, and back, without evaluating anything: `list[dict[str, int]]`, `int | None`, `mine:Point`."""

from __future__ import annotations

import ast
import collections.abc
import datetime as dt
import decimal
import fractions
import importlib
import pathlib
import types
import typing
import uuid
from collections.abc import Mapping
from typing import Any

from ..errors import UsageError

__all__ = ("type_from", "written_type")

_PLAIN = (
    str, int, float, bool, bytes, complex, list, dict, tuple, set, frozenset, object, dt.datetime, dt.date,
    dt.time, dt.timedelta, decimal.Decimal, fractions.Fraction, pathlib.Path, uuid.UUID, type(None),
    collections.abc.Sequence, collections.abc.Mapping, collections.abc.Iterable,
)  # fmt: skip
_NAMES: Mapping[str, Any] = {cls.__name__: cls for cls in _PLAIN} | {"Any": Any, "None": type(None)}


def written_type(annotation: Any, where: str) -> str:
    """Give a type as text. A class of one's own is named with its module, as `module:Class`.

    Raises `UsageError` for one that cannot be found by its name.
    """
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is Any:
        return "Any"
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(repr, args))}]"
    if origin in (typing.Union, types.UnionType):
        return " | ".join(written_type(arg, where) for arg in args)
    if origin is typing.Annotated:
        raise UsageError(f"{where}: an Annotated type cannot be written down; name it as a class of a module")
    if origin is not None:
        inner = ", ".join("..." if arg is ... else written_type(arg, where) for arg in args)
        return f"{written_type(origin, where)}[{inner}]"
    if found := [known for known, plain in _NAMES.items() if annotation is plain]:
        return found[0]
    name, module = getattr(annotation, "__qualname__", ""), getattr(annotation, "__module__", "__main__")
    if not name or "<locals>" in name or module == "__main__":
        raise UsageError(
            f"{where}: the type {annotation!r} cannot be found by name from elsewhere; define it in a module"
        )
    return f"'{module}:{name}'"


def type_from(text: str, *, trusted: bool) -> Any:
    """Give the type of a text that `written_type` wrote; only with trust is a module imported for it.

    Raises `UsageError` for any other text.
    """
    try:
        return _read(ast.parse(text, mode="eval").body, trusted=trusted)
    except (SyntaxError, ValueError, TypeError, KeyError, AttributeError, ImportError, RecursionError) as error:
        raise UsageError(f"the saved type {text[:200]!r} cannot be read: {error}") from None


def _read(node: ast.expr, *, trusted: bool) -> Any:
    match node:
        case ast.Constant(value=None):
            return type(None)
        case ast.Constant(value=str(name)):
            return _imported(name, trusted=trusted)
        case ast.Name(id=name):
            return _NAMES[name]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _read(left, trusted=trusted) | _read(right, trusted=trusted)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            return typing.Literal.__getitem__(_literals(inner))
        case ast.Subscript(value=base, slice=inner):
            items = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            read = tuple(... if _is_dots(item) else _read(item, trusted=trusted) for item in items)
            return _read(base, trusted=trusted)[read if len(read) > 1 else read[0]]
    raise ValueError(f"{ast.unparse(node)[:80]!r} is no type")


def _literals(node: ast.expr) -> tuple[Any, ...]:
    items = node.elts if isinstance(node, ast.Tuple) else [node]
    return tuple(ast.literal_eval(item) for item in items)


def _is_dots(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _imported(name: str, *, trusted: bool) -> Any:
    if not trusted:
        raise ValueError(f"{name!r} would be imported, which needs trust_remote_code=True")
    module, _, path = name.partition(":")
    found = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found
