"""Reads tool calls that a model wrote as text, in the shapes that models write them. It never makes one.

JSON objects (one, several, or in a list; bare, fenced or in tags), Python dicts, calls as Python writes
them, and the marks of model families: `<function=…>`, `<invoke …>`, `<arg_key>`, `[ARGS]`, DeepSeek's,
Kimi's and gpt-oss's tokens, `Action:` with `Action Input:`. Where two readings are possible, these rules
choose; `tests/reading/calls.toml` has a line for each.

1. Thoughts are not read, nor is what stands after a result that the model made up.
2. A family's marks are read first: what they name is a call, whether there is such a tool or not.
3. A JSON object or Python dict counts as a call only if it names its tool under one of the usual keys and
   has arguments or that tool is known, or if its only key is the name of a known tool.
4. A tool's description that the model repeats, with a schema where the arguments would be, is no call.
5. A Python call counts only for a known tool, with plain values, and on a line of its own or in a list.
6. A comma too many, an end too few and arguments that are JSON in a string are put right; nothing else is.
7. All calls are read, in their order; the same call written twice in a row counts once.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from .reading import MADE_UP, tidy

__all__ = ("TextCall", "begun", "read_calls")

_NAMES = ("name", "tool", "tool_name", "function", "action", "recipient_name")
_ARGUMENTS = ("arguments", "parameters", "args", "input", "action_input", "kwargs", "tool_input", "tool_arguments")
_NAME = r"[\w.-]{1,80}"
_MARKED = re.compile(
    rf"<function=(?P<llama>{_NAME})>|<invoke name=[\"'](?P<claude>{_NAME})[\"']>"
    rf"|<tool_call>\s*(?P<glm>{_NAME})\s*(?=<arg_key>|</tool_call>)"
    rf"|(?:\[TOOL_CALLS\]\s*)?\b(?P<mistral>{_NAME})\s*\[ARGS\]"
    rf"|functions\.(?P<kimi>{_NAME}?):\d+\s*<\|tool_call_argument_begin\|>"
    rf"|<\uff5ctool\u2581call\u2581begin\uff5c>(?:function<\uff5ctool\u2581sep\uff5c>)?(?P<deepseek>{_NAME})"
    rf"|to=functions\.(?P<gpt_oss>{_NAME})[^{{}}]{{0,80}}?<\|message\|>"
    rf"|^[ *]*Action[ *]*:[ *`]*(?P<react>{_NAME})[ *`]*\n+[ *]*Action Input[ *]*:[ *]*",
    re.MULTILINE,
)
"""Where a family of models begins a call, with its name."""
_GIVEN = re.compile(
    r"<parameter(?:=| name=[\"'])(?P<key>[\w.-]+)[\"']?>(?P<value>.*?)</parameter>"
    r"|<arg_key>(?P<key2>.*?)</arg_key>\s*<arg_value>(?P<value2>.*?)</arg_value>",
    re.DOTALL,
)
"""One argument in tags."""
_BEGUN = re.compile(
    rf"(?:```\w*\s*)?[\[{{]?\s*\{{\s*[\"'](?:{'|'.join(_NAMES)})[\"']\s*:\s*[\"'](?P<name>{_NAME})[\"']"
)
_MADE_UP = re.compile(MADE_UP, re.MULTILINE | re.IGNORECASE)
_STRINGS = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
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
    calls = list(_marked_calls(text))
    for part in () if calls else (_before_made_up(text), text):
        calls = [call for item in _objects(part) for call in _calls(item, names)]
        if calls := calls or list(_python_calls(part, names)):
            break
    return [call for number, call in enumerate(calls) if not number or call != calls[number - 1]]


def begun(text: str, names: Collection[str]) -> str | None:
    """Give the tool whose call a reply begins with: where none could be read, it is no answer in plain words."""
    begins = _BEGUN.match(tidy(text).lstrip())
    return begins["name"] if begins and begins["name"] in names else None


def _marked_calls(text: str) -> Iterator[TextCall]:
    marks = list(_MARKED.finditer(text))
    for mark, after in zip_longest(marks, marks[1:]):
        name = next(name for name in mark.groups() if name)
        body = text[mark.end() : after.start() if after else len(text)]
        if given := [(m["key"] or m["key2"], m["value"] or m["value2"] or "") for m in _GIVEN.finditer(body)]:
            yield TextCall(name=name, kwargs={key.strip(): _value(value) for key, value in given})
            continue
        start = re.compile(r"[{\[]").search(body)
        found = _loaded(body[start.start() : _end(body, start.start())]) if start else None
        plain = body.strip().partition("\n")[0].strip("`\"' ")
        if found is None and mark["react"] and plain:
            yield TextCall(name=name, args=[plain])  # a ReAct input in plain words
        elif found is not None or not start:
            yield _call(name, found)


def _value(text: str) -> Any:
    """Read an argument in tags: a text, unless it is a list, an object or a literal of JSON's."""
    text = text.removeprefix("\n").removesuffix("\n")
    if text.strip()[:1] in ("{", "[") or text.strip() in ("true", "false", "null"):
        read = _loaded(text)
        return text if read is None and text.strip() != "null" else read
    return text


def _before_made_up(text: str) -> str:
    """Give the reply up to a result that only the other side can give, where something stands before it."""
    done = re.search(r"[})]", text)
    mark = _MADE_UP.search(text, done.end()) if done else None
    return text[: mark.start()] if mark else text


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
    for char in _STRINGS.sub("", text):
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
    if isinstance(given, str) and given.strip()[:2] in ('"{', '"['):
        given = _loaded(given) or given  # JSON in a string in a string
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
        if not stripped.endswith((")", "]")) or not any(name in stripped for name in names):
            continue
        try:
            node = ast.parse(stripped, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for made in node.elts if isinstance(node, ast.List) else [node]:
            if isinstance(made, ast.Call) and isinstance(made.func, ast.Name) and made.func.id in names:
                yield from _python_call(made, made.func.id)


def _python_call(made: ast.Call, name: str) -> Iterator[TextCall]:
    try:
        args = [ast.literal_eval(arg) for arg in made.args]
        kwargs = {str(word.arg): ast.literal_eval(word.value) for word in made.keywords}
    except (ValueError, TypeError):
        return
    yield TextCall(name=name, args=args, kwargs=kwargs)
