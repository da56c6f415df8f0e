"""A tool written down: its source, and all of its configuration as JSON. Nothing here runs a tool's code."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

from ..errors import UsageError
from ..lookup import load
from ..messages import Json
from ..tools import FunctionTool, Tool
from .saving_source import source_of
from .saving_types import type_from, written_type
from .saving_values import Packer, looks_like_a_key, pack, unpack

__all__ = ("ToolSpec", "no_objects", "spec_of_source", "spec_of_tool")

FORMAT = 1
_KINDS: Mapping[str, inspect._ParameterKind] = {
    kind.name: kind
    for kind in (
        inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD,
    )
}  # fmt: skip
_EFFECTS = ("read", "idempotent", "write", "irreversible")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """What a tool is made of again."""

    source: str = field(repr=False)
    """The text of `tool.py`."""
    entry: str
    """The class or function in it."""
    name: str
    description: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    output_type: str = "any"
    effect: Any = "write"
    needs_approval: bool = False
    requirements: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What its class is made with, as JSON data."""
    parameters: tuple[Mapping[str, Any], ...] | None = None
    """What it takes, or None where `inputs` say it."""
    returns: str = "Any"
    compensates: bool = False
    """Whether its calls can be undone, which only its own code can do: not behind the wall."""
    left_out: tuple[str, ...] = ()
    """Secrets that are not stored."""

    def text(self) -> str:
        """Give all but the source as the text of `tool.json`."""
        data = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "source"}
        return json.dumps({"format": FORMAT, **data}, indent=2, ensure_ascii=False, default=dict) + "\n"

    @classmethod
    def read(cls, text: str, source: str, origin: str) -> ToolSpec:
        """Give the spec of a `tool.json`. Raises `UsageError` for what none of our versions wrote."""
        try:
            data = json.loads(text)
            if data["format"] > FORMAT:
                raise UsageError(f"{origin}: a newer codeling wrote this tool; update codeling to read it")
            given = {f.name: data[f.name] for f in fields(cls) if f.name in data}
            for name in ("requirements", "left_out", "parameters"):
                given[name] = tuple(given[name]) if given.get(name) is not None else ((), None)[name == "parameters"]
            spec = cls(source=source, **given)
            spec._check()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UsageError(f"{origin}: its tool.json cannot be read: {type(error).__name__}: {error}") from None
        return spec

    def _check(self) -> None:
        texts = (self.entry, self.name, self.description, self.output_type, self.returns, *self.requirements)
        if not all(isinstance(text, str) for text in texts) or type(self.needs_approval) is not bool:
            raise ValueError("a field is not of its type")
        if self.effect not in _EFFECTS or not self.entry.isidentifier():
            raise ValueError(f"effect {self.effect!r} or entry {self.entry!r}")
        if not all(isinstance(value, Mapping) for value in (self.arguments, self.inputs, *self.inputs.values())):
            raise ValueError("inputs and arguments are objects")

    def signature(self) -> inspect.Signature:
        """Give what the tool takes, without its code: a type of its author's own is `Any` here."""
        if self.parameters is None:
            return _signature_of_inputs(self)
        parameters = [_parameter(given) for given in self.parameters]
        returns = _type(self.returns)
        try:
            return inspect.Signature(parameters, return_annotation=returns)
        except ValueError as error:
            raise UsageError(f"tool {self.name!r}: its saved parameters make no signature: {error}") from None


def spec_of_tool(tool: Tool) -> ToolSpec:
    """Write a tool down. Raises `UsageError` where something of it cannot be, saying what."""
    if isinstance(given := getattr(tool, "spec", None), ToolSpec):
        return given
    packer = Packer()
    arguments: dict[str, Any] = {}
    if isinstance(tool, FunctionTool):
        thing = tool.forward
        if isinstance(thing, partial) or not inspect.isfunction(thing) or not thing.__name__.isidentifier():
            raise UsageError(
                f"tool {tool.name!r} cannot be saved: it is made of {thing!r}, not of a function that a file defines; "
                "write it as a function or as a class of Tool"
            )
    else:
        thing = type(tool)
        args, kwargs = tool._made_with
        arguments = packer.arguments(tool, args, kwargs, f"tool {tool.name!r}: argument")
    source, requirements = _source(tool, thing), tuple(tool.requirements)
    return ToolSpec(
        source=source, entry=thing.__name__, arguments=arguments, requirements=requirements,
        name=tool.name, description=tool.description, output_type=tool.output_type, effect=tool.effect,
        needs_approval=tool.needs_approval, inputs=_inputs(tool), parameters=_parameters(tool),
        returns=_written(tool.signature.return_annotation), left_out=tuple(packer.left_out),
        compensates=tool.compensate is not None,
    )  # fmt: skip


def _source(tool: Tool, thing: Any) -> str:
    """The source of a tool's class or function; for one that comes with codeling, its import."""
    if thing.__module__.startswith("codeling."):
        source = f"from {thing.__module__} import {thing.__name__}\n"
    else:
        source = source_of(thing, name=tool.name, requirements=tool.requirements)
    undo = vars(tool).get("compensate")
    if undo is not None and f"def {getattr(undo, '__name__', None)}(" not in source:
        raise UsageError(f"tool {tool.name!r}: its `compensate` is not in its source; name it in @tool(compensate=…)")
    if looks_like_a_key(source):
        raise UsageError(
            f"tool {tool.name!r}: its source holds what looks like a secret key; read it from the environment"
        )
    return source


def spec_of_source(source: str, origin: str) -> ToolSpec:
    """Find a tool's class in a `tool.py` that has no `tool.json`, and what it says of itself, without running anything.

    Raises `UsageError` where there is none.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"tool.py of {origin!r} is not Python: {error}") from None
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            given = _literals(node)
            if {"name", "description"} <= set(given):
                try:
                    spec = ToolSpec(
                        source=source, entry=node.name, name=str(given["name"]), description=str(given["description"]),
                        inputs=given.get("inputs", {}), output_type=str(given.get("output_type", "any")),
                        requirements=tuple(given.get("requirements", ())),
                    )  # fmt: skip
                    spec._check()
                except (ValueError, TypeError, AttributeError) as error:
                    raise UsageError(f"tool.py of {origin!r}: class {node.name!r} is no tool: {error}") from None
                return spec
    raise UsageError(f"tool.py of {origin!r} holds no tool: no class with a `name` and a `description` of plain text")


def no_objects(given: Mapping[str, Any]) -> Any:
    """Refuse to make an object of saved data."""
    raise UsageError(
        f"the saved arguments hold an object of {given.get('class')!r}; a tool behind the wall has plain ones"
    )


def _literals(node: ast.ClassDef) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for item in node.body:
        target = item.targets[0] if isinstance(item, ast.Assign) else getattr(item, "target", None)
        value = getattr(item, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.expr):
            try:
                given[target.id] = ast.literal_eval(value)
            except (ValueError, TypeError):
                continue
    return given


def _inputs(tool: Tool) -> dict[str, Any]:
    packed = pack({name: dict(spec) for name, spec in tool.inputs.items()}, f"tool {tool.name!r}: inputs")
    assert isinstance(packed, dict)  # made of a dict just now
    return packed


def _parameters(tool: Tool) -> tuple[Mapping[str, Any], ...]:
    written = []
    for parameter in tool.signature.parameters.values():
        entry: dict[str, Json] = {
            "name": parameter.name, "kind": parameter.kind.name, "type": _written(parameter.annotation),
        }  # fmt: skip
        if parameter.default is not parameter.empty:
            try:
                entry["default"] = pack(parameter.default, parameter.name)
            except UsageError:
                entry["optional"] = True
        written.append(entry)
    return tuple(written)


def _written(annotation: Any) -> str:
    try:
        return "Any" if annotation is inspect.Signature.empty else written_type(annotation, "type")
    except UsageError:
        return "Any"  # only what is shown of a tool behind the wall; its source holds the type


def _type(text: Any) -> Any:
    try:
        return type_from(str(text), trusted=False)
    except UsageError:
        return Any


def _parameter(given: Mapping[str, Any]) -> inspect.Parameter:
    default = inspect.Parameter.empty if "default" not in given else unpack(given["default"], no_objects)
    if given.get("optional"):
        default = ...
    try:
        return inspect.Parameter(
            given["name"], _KINDS[given["kind"]], annotation=_type(given["type"]), default=default
        )  # fmt: skip
    except (KeyError, ValueError, TypeError) as error:
        raise UsageError(f"a saved parameter cannot be read: {given!r}: {error}") from None


def _signature_of_inputs(spec: ToolSpec) -> inspect.Signature:
    """Required ones first, since the tool's own order is in its code only."""
    hints = load("codeling.forms.inputs:hints_of")(spec)
    returns = hints.pop("return")
    named = sorted(hints, key=lambda name: bool(spec.inputs[name].get("nullable")))
    try:
        parameters = [
            inspect.Parameter(
                name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=hints[name],
                default=None if spec.inputs[name].get("nullable") else inspect.Parameter.empty,
            )
            for name in named
        ]  # fmt: skip
    except ValueError as error:
        raise UsageError(f"tool {spec.name!r}: an input has no usable name: {error}") from None
    return inspect.Signature(parameters, return_annotation=returns)
