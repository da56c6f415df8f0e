"""Understands annotations: what one means below its wrappers, which fields a class has, how to write one down.

It looks at annotations only, never at values, and never evaluates text beyond what `typing` resolves.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import typing
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any

__all__ = (
    "MISSING", "UNIONS", "Field", "bare", "choice_of", "classes_in", "describe", "fields_of", "is_free", "known_fields",
    "named",
)  # fmt: skip

MISSING: Any = inspect.Parameter.empty
UNIONS = (typing.Union, UnionType)
_WRAPPERS = tuple(
    getattr(typing, name)
    for name in ("Annotated", "ClassVar", "Final", "NotRequired", "ReadOnly", "Required")
    if hasattr(typing, name)
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a dataclass, TypedDict or NamedTuple."""

    annotation: Any
    required: bool = True
    default: Any = MISSING


def bare(annotation: Any) -> Any:
    """Give what is left without `Annotated`, `Required` and the like, `NewType` and named aliases."""
    while True:
        origin, args = typing.get_origin(annotation), typing.get_args(annotation)
        alias = annotation if origin is None else origin
        if origin in _WRAPPERS:
            annotation = args[0]
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif type(alias).__name__ == "TypeAliasType":
            annotation = alias.__value__[args] if args else alias.__value__
        else:
            return NoneType if annotation is None else annotation


def is_free(annotation: Any) -> bool:
    """Say whether a bare annotation takes anything: `Any`, `object`, none at all, or one that cannot be resolved."""
    if annotation is Any or annotation is object or annotation is MISSING:
        return True
    return isinstance(annotation, (str, typing.ForwardRef, typing.TypeVar))


def fields_of(annotation: Any) -> Mapping[str, Field] | None:
    """Give the fields that a dataclass, TypedDict or NamedTuple is made of, or None for anything else."""
    cls = typing.get_origin(annotation) or annotation
    if not isinstance(cls, type):
        return None
    if hasattr(cls, "__required_keys__"):
        return {name: _key(cls, name, hint) for name, hint in _hints(cls).items()}
    if dataclasses.is_dataclass(cls):
        hints = _hints(cls)
        return {field.name: _member(field, hints) for field in dataclasses.fields(cls) if field.init}
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        hints, defaults = _hints(cls), getattr(cls, "_field_defaults", {})
        return {
            name: Field(
                annotation=hints.get(name, Any), required=name not in defaults, default=defaults.get(name, MISSING)
            )
            for name in cls._fields
        }
    return None


def _key(cls: Any, name: str, hint: Any) -> Field:
    # Where annotations are text, the class cannot see NotRequired in them; the resolved hint can.
    marker = typing.get_origin(hint)
    required = (
        name in cls.__required_keys__
        if marker not in (typing.Required, typing.NotRequired)
        else marker is typing.Required
    )
    return Field(annotation=hint, required=required)


def _member(field: dataclasses.Field[Any], hints: Mapping[str, Any]) -> Field:
    optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
    default = MISSING if field.default is dataclasses.MISSING else field.default
    return Field(annotation=hints.get(field.name, field.type), required=not optional, default=default)


def _hints(cls: type[Any]) -> Mapping[str, Any]:
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError):  # names that are only there for type checkers
        return {
            name: hint for base in reversed(cls.__mro__) for name, hint in vars(base).get("__annotations__", {}).items()
        }


def describe(annotation: Any) -> str:
    """Give the annotation as a reader would write it, with the choices of an enum and the fields of a class."""
    return _written(annotation, fields=True)


def named(annotation: Any, *, choices: bool = True) -> str:
    """Give the annotation with the bare names of its classes, of enums their choices or the names of these too."""
    return _written(annotation, fields=False, choices=choices)


def classes_in(annotation: Any) -> Mapping[str, type[Any]]:
    """Give the enums and the classes with fields that an annotation speaks of, in their fields too, by their names."""
    found: dict[str, type[Any]] = {}
    ahead = [annotation]
    while ahead:
        annotation = bare(ahead.pop(0))
        ahead += [arg for arg in typing.get_args(annotation) if not isinstance(arg, (str, int, bytes))]
        cls = typing.get_origin(annotation) or annotation
        if isinstance(cls, type) and cls.__name__ not in found:
            fields = known_fields(cls)
            if fields or issubclass(cls, enum.Enum):
                found[cls.__name__] = cls
                ahead += [field.annotation for field in fields.values()]
    return found


def _written(annotation: Any, *, fields: bool, choices: bool = True) -> str:
    """Fields are shown one level deep, so that a class that holds itself comes to an end."""
    if annotation is Ellipsis:
        return "..."
    if isinstance(annotation, list):
        return f"[{', '.join(_written(item, fields=fields, choices=choices) for item in annotation)}]"
    annotation = bare(annotation)
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is MISSING or annotation is Any:
        return "Any"
    if annotation is NoneType:
        return "None"
    if origin in UNIONS:
        return " | ".join(_written(arg, fields=fields, choices=choices) for arg in args)
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(repr, args))}]"
    if origin is not None:
        inner = ", ".join(_written(arg, fields=fields, choices=choices) for arg in args)
        return f"{_name(origin)}[{inner}]" if args else _name(origin)
    if choices and isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return f"Literal[{', '.join(repr(choice_of(member)) for member in annotation)}]"
    if fields and (known := known_fields(annotation)):
        shown = ", ".join(f"{name}: {_written(field.annotation, fields=False)}" for name, field in known.items())
        return f"{_name(annotation)}({shown})"
    return _name(annotation)


def known_fields(annotation: Any) -> Mapping[str, Field]:
    """Give the fields that a class is made of, those of a pydantic model too; none for anything else."""
    if model := getattr(annotation, "model_fields", None):
        return {
            field.alias or name: Field(annotation=field.annotation, required=field.is_required())
            for name, field in model.items()
        }
    return fields_of(annotation) or {}


def _name(annotation: Any) -> str:
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, typing.ForwardRef):
        return annotation.__forward_arg__
    return str(getattr(annotation, "__name__", None) or repr(annotation).removeprefix("typing."))


def choice_of(member: enum.Enum) -> Any:
    """Give what a model writes for an enum's member: its value where that is plain, and otherwise its name."""
    return member.value if type(member.value) in (str, int, float, bool) else member.name
