"""What the rest of a program may do to the world, as far as it can be read from its text.

It is read, never run: which tools it calls, which arguments are written out (or are variables that
were assigned once, to a plain value), and whether a call stands under a condition or in a loop. A
program can call what this does not see, by another name for a tool; a person who allows one call
allows that one only.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..messages import ToolCall
from ..tools import Tool

__all__ = ("calls_ahead",)

MOST = 20
_MOST_PAIRS = 100_000
"""Places in a program times calls that it has made: beyond, nobody looks for where it is, and all of it is ahead."""
_UNKNOWN = object()
_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_MAYBE = (ast.If, ast.IfExp, ast.Try, ast.Match, ast.BoolOp, ast.ExceptHandler)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """A place in the program where a tool is called."""

    node: ast.Call
    name: str
    loop: bool
    maybe: bool

    @property
    def at(self) -> tuple[int, int]:
        return self.node.lineno, self.node.col_offset


def calls_ahead(code: str, call: ToolCall, *, made: Sequence[ToolCall], tools: Mapping[str, Tool]) -> tuple[str, ...]:
    """Give a line of Python, with a comment, for each further call of a tool that the program may make after `call`.

    `made` are the calls that it has made before. Unknown arguments are shown as `…`.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a form that only the worker compiles
        return ()
    known = _constants(tree)
    sites = sorted(_sites(tree, tools), key=lambda site: site.at)
    made = [before for before in made if before.name in tools]
    here = _current(sites, call, made, known) if len(sites) * (len(made) + 1) <= _MOST_PAIRS else None
    ahead = [site for site in sites if site.loop or here is None or site.at > here.at]
    lines = [_line(site, known, tools[site.name]) for site in ahead if site is not here or site.loop]
    return tuple(lines[:MOST]) + ((f"… and {len(lines) - MOST} more",) if len(lines) > MOST else ())


def _sites(tree: ast.AST, tools: Mapping[str, Tool]) -> Iterator[_Site]:
    waiting = [(tree, False, False)]  # a program may be nested deeper than Python calls functions
    while waiting:
        node, loop, maybe = waiting.pop()
        loop = loop or isinstance(node, (*_LOOPS, *_FUNCTIONS))
        maybe = maybe or isinstance(node, (*_MAYBE, *_FUNCTIONS))
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in tools:
                yield _Site(node=node, name=node.func.id, loop=loop, maybe=maybe)
            for arg in node.args:  # a tool that is handed on, as in map(send, names)
                if isinstance(arg, ast.Name) and arg.id in tools:
                    handed = ast.copy_location(ast.Call(arg, [ast.Name("…", ast.Load())], []), arg)
                    yield _Site(node=handed, name=arg.id, loop=True, maybe=True)
        waiting += [(child, loop, maybe) for child in ast.iter_child_nodes(node)]


def _constants(tree: ast.AST) -> dict[str, Any]:
    """The variables that are assigned once in the program, to a plain value."""
    stored = Counter(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    known: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, _value(node.value, {})
            if stored[name] == 1 and value is not _UNKNOWN:
                known[name] = value
    return known


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return known.get(node.id, _UNKNOWN)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _UNKNOWN


def _current(
    sites: Sequence[_Site], call: ToolCall, made: Sequence[ToolCall], known: Mapping[str, Any]
) -> _Site | None:
    """Find where the program is: the first place that fits the call and was not used up by an earlier one."""
    used: set[int] = set()
    for before in made:
        site = next((site for site in sites if id(site) not in used and _fits(site, before, known)), None)
        if site is not None and not site.loop:
            used.add(id(site))
    return next((site for site in sites if id(site) not in used and _fits(site, call, known)), None)


def _fits(site: _Site, call: ToolCall, known: Mapping[str, Any]) -> bool:
    if site.name != call.name:
        return False
    written = [_value(arg, known) for arg in site.node.args if not isinstance(arg, ast.Starred)]
    named = {word.arg: _value(word.value, known) for word in site.node.keywords if word.arg}
    pairs = [*zip(written, call.args, strict=False), *((value, call.kwargs.get(key)) for key, value in named.items())]
    return all(value is _UNKNOWN or _same(value, given) for value, given in pairs)


def _same(written: Any, given: Any) -> bool:
    """Whether a value is the one that is written out: 1 is neither True nor 1.0."""
    kind = type(written)
    if kind is not type(given) or (hasattr(kind, "__len__") and len(written) != len(given)):
        return False
    return (
        written == given if kind in (str, bytes, int) else (text := _text(written)) is not None and text == _text(given)
    )


def _text(value: Any) -> str | None:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - foreign code: what a program gives to a call, such as a number too long to write
        return None


def _line(site: _Site, known: Mapping[str, Any], tool: Tool) -> str:
    given = [_shown(arg, known) for arg in site.node.args]
    given += [f"{word.arg}={_shown(word.value, known)}" if word.arg else "**…" for word in site.node.keywords]
    notes = [tool.effect, f"line {site.node.lineno}"]
    notes += ["perhaps"] if site.maybe else []
    notes += ["any number of times"] if site.loop else []
    return f"{site.name}({', '.join(given)})  # {', '.join(notes)}"


def _shown(node: ast.expr, known: Mapping[str, Any]) -> str:
    value = _value(node, known)
    text = (None if value is _UNKNOWN else _text(value)) or "…"
    return text if len(text) <= 80 else f"{text[:79]}…"
