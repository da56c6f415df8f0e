"""JSON Schemas as Python types, and as a model reads them.

A schema comes from a server: its references are followed inside the document only, its depth and size are
bounded, and what makes no sense takes anything.
"""

from __future__ import annotations

import datetime as dt
import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ("Written", "class_name", "followed", "texts", "written")

_DEPTH = 8
_MOST_PARTS = 2000
_MOST_CHOICES = 200
_PLAIN: Mapping[Any, Any] = {"string": str, "integer": int, "number": float, "boolean": bool, "null": None}
_MOMENTS: Mapping[Any, Any] = {"date-time": dt.datetime, "date": dt.date, "time": dt.time}
"""What else a text of these formats may be made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A schema as Python: the annotation that values are fitted to, and how both are written for a model."""

    annotation: Any = Any
    short: str = "Any"
    """For a signature."""
    whole: str = "Any"
    """With the fields of its objects."""


_FREE = Written()


def written(schema: Any, root: Any = None, name: str = "Value") -> Written:
    """Read a schema; `root` is the document that its references point into."""
    return _Reader(schema if root is None else root).read(schema, name, ())


def followed(schema: Any, root: Any) -> Any:
    """Give what a reference points to inside the document; the schema itself where it is none."""
    for _ in range(_DEPTH):
        if not isinstance(schema, Mapping) or not isinstance(schema.get("$ref"), str):
            return schema
        found = root
        for part in schema["$ref"].removeprefix("#").split("/")[1:]:
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        schema = found
    return None


def class_name(text: str) -> str:
    """Give a name that a class could have."""
    return "".join(part[:1].upper() + part[1:] for part in re.findall(r"[A-Za-z0-9]+", text))[:60] or "Value"


def texts(value: Any) -> list[str]:
    """Give the texts of what should be a list of them."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


class _Reader:
    """Reads the schemas of one document, so many parts of it and no more."""

    def __init__(self, root: Any) -> None:
        self._root, self._left = root, _MOST_PARTS

    def read(self, schema: Any, name: str, path: tuple[str, ...]) -> Written:
        reference = str(schema.get("$ref", "")) if isinstance(schema, Mapping) else ""
        schema, self._left = followed(schema, self._root), self._left - 1
        if not isinstance(schema, Mapping) or len(path) > _DEPTH or self._left < 0 or (reference and reference in path):
            return _FREE
        return self._any_of(schema, name, (*path, reference)) or self._of_type(schema, name, (*path, reference))

    def _any_of(self, schema: Mapping[str, Any], name: str, path: tuple[str, ...]) -> Written | None:
        """Read what is said by choices or by other schemas."""
        choices = [schema["const"]] if "const" in schema else schema.get("enum")
        if isinstance(choices, list) and choices:
            return _choice(choices)
        for key in ("anyOf", "oneOf", "allOf"):
            members = schema.get(key)
            if isinstance(members, list) and members and (key != "allOf" or len(members) == 1):
                return _union([self.read(member, name, path) for member in members])
        kind = schema.get("type")
        if isinstance(kind, list) and kind:
            return _union([self.read({**schema, "type": one}, name, path) for one in kind])
        return None

    def _of_type(self, schema: Mapping[str, Any], name: str, path: tuple[str, ...]) -> Written:
        kind = schema.get("type")
        if kind == "array":
            item = self.read(schema.get("items", True), f"{name}Item", path)
            return _generic(list, "list", item)
        if kind == "object" or (kind is None and "properties" in schema):
            return self._object(schema, name, path)
        if not isinstance(kind, str) or kind not in _PLAIN:
            return _FREE
        text = "None" if kind == "null" else _PLAIN[kind].__name__
        other = _MOMENTS.get(str(schema.get("format"))) if kind == "string" else None
        return Written(annotation=str | other if other else _PLAIN[kind], short=text, whole=text)

    def _object(self, schema: Mapping[str, Any], name: str, path: tuple[str, ...]) -> Written:
        properties, more = schema.get("properties"), schema.get("additionalProperties")
        if not isinstance(properties, Mapping) or not properties:
            return _generic(dict, "dict", self.read(more, name, path) if isinstance(more, Mapping) else _FREE)
        required = set(texts(schema.get("required")))
        members = {key: self.read(value, class_name(key), path) for key, value in properties.items()}
        fields = ", ".join(f"{key!r}{'' if key in required else '?'}: {m.whole}" for key, m in members.items())
        title = schema.get("title")
        hints = {
            key: member.annotation if key in required else typing.NotRequired[member.annotation]
            for key, member in members.items()
        }
        make: Any = typing.TypedDict
        made = make(class_name(title if isinstance(title, str) else name), hints)
        return Written(annotation=dict if more else made, short="dict", whole=f"{{{fields}{', ...' if more else ''}}}")


def _generic(kind: Any, text: str, item: Written) -> Written:
    """A list of items, or a dict of them by text; bare where the items may be anything."""
    if item.annotation is Any:
        return Written(annotation=kind, short=text, whole=text)
    key = "str, " if kind is dict else ""
    annotation = dict[str, item.annotation] if kind is dict else list[item.annotation]  # type: ignore[name-defined]  # built at run time
    return Written(annotation=annotation, short=f"{text}[{key}{item.short}]", whole=f"{text}[{key}{item.whole}]")


def _choice(choices: Sequence[Any]) -> Written:
    if len(choices) > _MOST_CHOICES or not all(isinstance(item, (str, int, bool, type(None))) for item in choices):
        return _FREE
    text = f"Literal[{', '.join(map(repr, choices))}]"
    make: Any = typing.Literal
    return Written(annotation=make[tuple(choices)], short=text, whole=text)


def _union(members: Sequence[Written]) -> Written:
    members = list({member.whole: member for member in members}.values())
    if any(member.annotation is Any for member in members):
        return _FREE
    make: Any = typing.Union
    shorts = dict.fromkeys(member.short for member in members)
    return Written(
        annotation=make[tuple(member.annotation for member in members)],
        short=" | ".join(shorts), whole=" | ".join(member.whole for member in members),
    )  # fmt: skip
