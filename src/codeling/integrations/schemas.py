"""Tools that are described by JSON Schemas: what a model sees of them, and what their arguments are.

The schemas come from servers and are not trusted: names that Python cannot have are mapped, references
are followed inside the document only and not for ever, and what makes no sense takes anything.
"""

from __future__ import annotations

import builtins
import inspect
import keyword
import re
import typing
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import UsageError
from ..lookup import load
from ..messages import Json
from ..tools import Effect, Tool
from .jsonable import jsonable
from .schema_types import Written, class_name, followed, texts, written

__all__ = ("SchemaTool", "identifier")

_MOST_TEXT = 2000
_MOST_SHAPE = 1000
_TAKEN = frozenset([*dir(builtins), *keyword.kwlist, *keyword.softkwlist, "final_answer", "display", "outputs",
                    "search_tools"])  # fmt: skip
"""Names that a tool from elsewhere may not take from the program."""


def identifier(name: str, taken: Container[str] = ()) -> str:
    """Give a name that Python can have and that is not taken: `get-sum` is `get_sum`, `list` is `list_`.

    Raises `UsageError` for one without a letter or digit in it.
    """
    text = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
    if not text or len(text) > 200:
        raise UsageError(f"{name[:80]!r} is no name that a function could have")
    text = f"_{text}" if text[0].isdigit() else text
    text = f"{text}_" if text in _TAKEN else text
    number, given = 1, text
    while text in taken:
        number += 1
        text = f"{given}_{number}"
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Argument:
    """One property of the input, as a parameter."""

    name: str
    key: str
    written: Written
    description: str
    required: bool
    default: Any = None

    @property
    def parameter(self) -> inspect.Parameter:
        nullable = self.required or self.written.annotation is Any or self.default is not None
        annotation = self.written.annotation if nullable else typing.Optional[self.written.annotation]  # noqa: UP045  # built at run time
        default = inspect.Parameter.empty if self.required else self.default
        return inspect.Parameter(
            self.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation
        )

    @property
    def text(self) -> str:
        if self.required:
            return f"{self.name}: {self.written.short}"
        free = self.default is not None or self.written.short == "Any" or "None" in self.written.short
        return f"{self.name}: {self.written.short}{'' if free else ' | None'} = {self.default!r}"

    @property
    def note(self) -> str:
        shape = self.written.whole if self.written.whole != self.written.short else ""
        shape = shape if len(shape) <= _MOST_SHAPE else f"{shape[:_MOST_SHAPE]}…"
        said = " ".join(f"{self.description} {shape}".split())
        return f"    {self.name}: {said}" if said else ""


class SchemaTool(Tool):
    """A tool whose input is an object of a JSON Schema. A subclass's `forward` sends `arguments_of(…)`."""

    def __init__(
        self, name: str, description: str, schema: Mapping[str, Any], *, effect: Effect = "write",
        output: Any = None, gives: str = "",
    ) -> None:  # fmt: skip
        """Read the input's schema, and the output's where there is one; `gives` is said about the result if not.

        Raises `UsageError` where the input is not an object.
        """
        self.name, self.description, self.effect = name, description, effect
        self.schema, self._output, self._gives = schema, output, gives
        self._arguments = self._read()
        self.check()

    def _read(self) -> list[_Argument]:
        kind = self.schema.get("type", "object")
        properties = self.schema.get("properties", {})
        if kind != "object" or not isinstance(properties, Mapping):
            raise UsageError(f"the input schema of tool {self.name!r} is of type {kind!r}; it has to be an object's")
        required = set(texts(self.schema.get("required")))
        found: dict[str, _Argument] = {}
        for key, value in properties.items():
            name = identifier(key, found)
            name = name.removesuffix("_") if name[:-1] == key and not keyword.iskeyword(key) else name
            target = followed(value, self.schema)
            said = {
                **(target if isinstance(target, Mapping) else {}),
                **(value if isinstance(value, Mapping) else {}),
            }
            default = said.get("default")
            found[name] = _Argument(
                name=name, key=key, written=written(value, self.schema, class_name(key)),
                description=str(said.get("description") or "")[:_MOST_TEXT], required=key in required,
                default=default if isinstance(default, (str, int, float, bool)) else None,
            )  # fmt: skip
        return sorted(found.values(), key=lambda argument: not argument.required)

    @cached_property
    def signature(self) -> inspect.Signature:
        """What the tool takes: its required properties first."""
        return inspect.Signature([argument.parameter for argument in self._arguments])

    @cached_property
    def stub(self) -> str:
        """The tool as a model sees it."""
        result = written(self._output) if self._output is not None else Written(short="", whole=self._gives)
        arrow = f" -> {result.short}" if result.short else ""
        notes = [note for argument in self._arguments if (note := argument.note)]
        parts = [inspect.cleandoc(self.description)[:_MOST_TEXT], "\n".join(["Args:", *notes]) if notes else ""]
        parts.append(f"Returns:\n    {result.whole[:_MOST_SHAPE]}" if result.whole not in (result.short, "") else "")
        text = "\n\n".join(part for part in parts if part)
        taken = ", ".join(argument.text for argument in self._arguments)
        return f"def {self.name}({taken}){arrow}:\n{load('codeling.forms.stubs:docstring')(text)}"

    @property
    def parameters(self) -> Json:
        """The input schema with the names of the parameters, for providers of JSON tool calling."""
        names = {argument.key: argument.name for argument in self._arguments}
        properties = {names[key]: value for key, value in self.schema.get("properties", {}).items()}
        required: list[Json] = [names[key] for key in texts(self.schema.get("required")) if key in names]
        return {**self.schema, "type": "object", "properties": properties, "required": required}

    def given(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Give fitted arguments under their own names; what was left out stays out."""
        given = self.signature.bind(*args, **kwargs).arguments
        return {
            argument.key: given[argument.name]
            for argument in self._arguments
            if argument.name in given and (argument.required or given[argument.name] is not None)
        }

    def arguments_of(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Give what `given` gives, as JSON. Raises `BadArguments` for what JSON cannot say."""
        return {key: jsonable(value) for key, value in self.given(args, kwargs).items()}
