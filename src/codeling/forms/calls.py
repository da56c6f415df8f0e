"""Reads tool calls that a model wrote as text, in the shapes that models write them.

JSON objects (one, several, or in a list; bare, fenced or in tags), Python dicts, and calls as Python
writes them. Where two readings are possible: a JSON object counts as a call only if it names its tool
under one of the usual keys, or if its only key is the name of a known tool; a Python call counts only
for a known tool and where it stands on a line of its own. A tool's description that the model repeats,
with a schema where the arguments would be, is no call. Thoughts are not read.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .reading import tidy

__all__ = ("TextCall", "read_calls")

_NAMES = ("name", "tool", "tool_name", "function", "action", "recipient_name")
_ARGUMENTS = ("arguments", "parameters", "args", "input", "action_input", "kwargs", "tool_input")
_TAGGED = re.compile(r"<function=([\w.-]+)>\s*(\{.*?)(?:</function>|\Z)", re.DOTALL)
_TRAILING = re.compile(r",\s*(?=[}\]])")
_MOST = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCall:
    """A call as the model wrote it."""

    name: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)


def read_calls(text: str, names: Collection[str]) -> list[TextCall]:
    """Give the calls in a reply, in their order; none for plain prose. `names` are the tools that there are."""
    text = tidy(text)[:_MOST]
    if tagged := [(match[1], _loaded(match[2])) for match in _TAGGED.finditer(text)]:
        return [TextCall(name=name, kwargs=dict(given)) for name, given in tagged if isinstance(given, Mapping)]
    calls = [call for item in _objects(text) for call in _calls(item, names)]
    return calls or list(_python_calls(text, names))


def _objects(text: str) -> Iterator[Any]:
    """Give what stands in brackets or braces, outermost first, as far as it can be read."""
    at = 0
    while (match := re.compile(r"[{\[]").search(text, at)) is not None:
        end = _end(text, match.start())
        found = _loaded(text[match.start() : end])
        if found is None:
            at = match.start() + 1 if end < len(text) else len(text)
        else:
            yield found
            at = end


def _end(text: str, start: int) -> int:
    """Where the bracket at `start` closes, or the text's end."""
    depth, quote, at = 0, "", start
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char == '"' or (char == "'" and text[at - 1] in "{[(,: "):
            quote = char
        elif char in "{[":
            depth += 1
        elif char in "}]":
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return len(text)


def _loaded(text: str) -> Any:
    """Read JSON, JSON with a comma too many or an end too few, or a Python literal."""
    text = text.strip().rstrip("`").strip()
    missing = "".join("}" if char == "{" else "]" for char in reversed(_unclosed(text)))
    for form in (text, _TRAILING.sub("", text), _TRAILING.sub("", text + missing)):
        try:
            return json.loads(form, strict=False)
        except (ValueError, RecursionError):
            continue
    try:
        return ast.literal_eval(text + missing)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def _unclosed(text: str) -> list[str]:
    opened: list[str] = []
    for char in re.sub(r'"(?:[^"\\]|\\.)*"', "", text):
        if char in "{[":
            opened.append(char)
        elif char in "}]" and opened:
            opened.pop()
    return opened


def _calls(item: Any, names: Collection[str]) -> Iterator[TextCall]:
    if isinstance(item, list):
        for inner in item:
            yield from _calls(inner, names)
    if not isinstance(item, Mapping):
        return
    for key in ("tool_calls", "function", "tool_call"):
        if isinstance(item.get(key), (list, Mapping)):
            yield from _calls(item[key], names)
            return
    name = next((item[key] for key in _NAMES if isinstance(item.get(key), str)), None)
    given = next((item[key] for key in _ARGUMENTS if key in item), None)
    if _is_schema(given):
        return
    if name is not None and (given is not None or name in names):
        rest = {key: value for key, value in item.items() if key not in (*_NAMES, "id", "type")}
        yield _call(name, rest if given is None else given)
    elif len(item) == 1 and next(iter(item)) in names:
        yield _call(*next(iter(item.items())))


def _is_schema(given: Any) -> bool:
    """Whether a model has only repeated how a tool is described."""
    return isinstance(given, Mapping) and given.get("type") == "object" and isinstance(given.get("properties"), Mapping)


def _call(name: str, given: Any) -> TextCall:
    if isinstance(given, str) and given.strip()[:1] in ("{", "["):
        read = _loaded(given)
        given = given if read is None else read
    if isinstance(given, Mapping):
        return TextCall(name=name, kwargs=dict(given))
    if given is None:
        return TextCall(name=name)
    return TextCall(name=name, args=list(given) if isinstance(given, list) else [given])


def _python_calls(text: str, names: Collection[str]) -> Iterator[TextCall]:
    for line in text.splitlines():
        stripped = line.strip().strip("`").strip()
        if not stripped.endswith(")") or stripped.partition("(")[0] not in names:
            continue
        try:
            node = ast.parse(stripped, mode="eval").body
        except (SyntaxError, ValueError):
            continue
        if isinstance(node, ast.Call):
            try:
                args = [ast.literal_eval(arg) for arg in node.args]
                kwargs = {str(word.arg): ast.literal_eval(word.value) for word in node.keywords}
            except (ValueError, TypeError):
                continue
            yield TextCall(name=stripped.partition("(")[0], args=args, kwargs=kwargs)
