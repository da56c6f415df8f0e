"""Stubs. What a description says must stay a description: it comes from servers and repositories too."""

from __future__ import annotations

import ast
import dataclasses
import enum
import inspect
from typing import Any

from ..lookup import load
from ..tools import Tool
from .annotations import MISSING, choice_of, classes_in, known_fields, named
from .inputs import described

__all__ = ("docstring", "first_line", "stub_of")


def stub_of(tool: Tool) -> str:
    """Give a tool as a model sees it: a Python signature and a docstring."""
    text = inspect.cleandoc(tool.description)
    text = "\n\n".join(filter(None, [described(tool, text) if tool.inputs else text, _types(tool.signature)]))
    stub = f"def {tool.name}{_signature(tool.signature)}:\n{docstring(text)}"
    return str(load("codeling.secrets.masking:masked")(stub))


class _Word:
    """What a signature shows just so."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _signature(signature: inspect.Signature) -> str:
    """Write a signature in words that a program knows: it has none of the tool's own classes."""
    parameters = [
        parameter.replace(annotation=_hint(parameter.annotation), default=_default(parameter.default))
        for parameter in signature.parameters.values()
    ]
    given = _hint(signature.return_annotation, choices=False)
    return str(signature.replace(parameters=parameters, return_annotation=given)).replace("typing.", "")


def _hint(annotation: Any, *, choices: bool = True) -> Any:
    return _Word(named(annotation, choices=choices)) if classes_in(annotation) else annotation


def _default(default: Any) -> Any:
    if default is MISSING:
        return default
    if isinstance(default, enum.Enum):
        return _Word(repr(choice_of(default)))
    try:
        ast.parse(text := repr(default), mode="eval")
    except Exception:  # noqa: BLE001  # foreign code: what stands for an object, or its repr, is no Python
        return _Word("...")
    return _Word(text)


def _types(signature: inspect.Signature) -> str:
    """Say what the classes are that a call takes or gives."""
    taken: dict[str, Any] = {}
    for parameter in signature.parameters.values():
        taken |= classes_in(parameter.annotation)
    lines = [f"    {name}: give it as a dict {_keys(cls)}" for name, cls in taken.items() if not _is_enum(cls)]
    for name, cls in classes_in(signature.return_annotation).items():
        lines += [] if issubclass(cls, dict) and name in taken else [f"    {name}: {_given(cls)}"]
    return "\n".join(["Types:", *lines]) if lines else ""


def _is_enum(cls: type[Any]) -> bool:
    return issubclass(cls, enum.Enum)


def _keys(cls: type[Any]) -> str:
    fields = known_fields(cls)
    pairs = [f"{name!r}{'' if field.required else '?'}: {named(field.annotation)}" for name, field in fields.items()]
    return f"{{{', '.join(pairs)}}}"


def _given(cls: type[Any]) -> str:
    """Say what reaches a program of a class that a tool gives."""
    if issubclass(cls, enum.Enum):
        return f"an enum of {', '.join(f'{name} = {choice_of(member)!r}' for name, member in cls.__members__.items())}"
    if issubclass(cls, dict):
        return f"a dict {_keys(cls)}"
    fields = {name: named(field.annotation, choices=False) for name, field in known_fields(cls).items()}
    if issubclass(cls, tuple):
        return f"a tuple of {', '.join(f'{name}: {hint}' for name, hint in fields.items())}"
    if dataclasses.is_dataclass(cls):
        return f"what is given has {', '.join(f'.{name}: {hint}' for name, hint in fields.items())}"
    return "what is given can be given to other tools, not read"


def docstring(text: str) -> str:
    """Give the text as the indented docstring of a function, which nothing in the text can end early."""
    lines = text.replace('"""', "'''").splitlines()
    inner = "\n".join(f"    {line}" if line.strip() else "" for line in lines).strip()
    inner += " " if inner.endswith(('"', "\\")) else ""
    return f'    """{inner}"""'


def first_line(text: str) -> str:
    """Give the first sentence or line of a description."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    sentence = line.partition(". ")[0]
    return sentence if sentence == line else f"{sentence}."
