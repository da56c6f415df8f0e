"""Many tools in a short prompt: a line for each, and the program looks up the rest.

The stubs of all tools are in the sandbox anyway. Beyond the budget the prompt shows the first ones whole
and of the others a line, or only the name where even the lines are too long; `search_tools` and `help`
are functions of every program (`sandbox/inside/finding.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import accumulate, takewhile

from ..lookup import load
from ..tools import Tool
from .stubs import first_line

__all__ = ("MOST_STUBS", "functions", "known", "signatures")

MOST_STUBS = 8_000
"""Characters of stubs that are shown whole."""
_LINE = 100
"""Characters of a tool's line."""
_MOST_NAMES = 20
_WHOLE = "Functions you can call:\n```python\n{stubs}\n```"
_HOW = """\
There are {count} more functions that you can call just so. Before you call one, read it: help(name) prints its \
signature, search_tools("words") prints those that fit best.
"""


def functions(tools: Sequence[Tool], budget: int = MOST_STUBS) -> str:
    """Say what can be called, in about as many characters as the budget has, whatever the number of tools."""
    stubs = "\n\n".join(tool.stub for tool in tools)
    if len(stubs) > budget:
        return _catalogue(tools, budget)
    return _WHOLE.format(stubs=stubs) if stubs else ""


def signatures(tools: Sequence[Tool], budget: int = MOST_STUBS) -> str:
    """Give the stubs of all tools, beyond the budget on a line each: JSON calls have nowhere to look one up."""
    stubs = "\n\n".join(tool.stub for tool in tools)
    if len(stubs) <= budget:
        return stubs
    heads = [(tool.stub.partition("\n")[0], _short(first_line(tool.description))) for tool in tools]
    return "\n".join(f"{head}  # {said}" if said else head for head, said in heads)


def known(name: str, names: Sequence[str]) -> str:
    """Say what there is instead of a name that is not: all of it where that is short, else the nearest."""
    if len(names) <= _MOST_NAMES:
        return f"there are: {', '.join(names)}"
    near = get_close_matches(name, names, n=5)
    return f"the nearest of {len(names)}: {', '.join(near)}" if near else f"none of {len(names)} is called like it"


def _catalogue(tools: Sequence[Tool], budget: int) -> str:
    masked = load("codeling.secrets.masking:masked")
    whole = list(_fitting([tool.stub for tool in tools], budget // 4))
    others = tools[len(whole) :]
    lines = [f"- {tool.name}: {_short(first_line(masked(tool.description)))}" for tool in others]
    if sum(map(len, lines)) > budget:
        lines = [", ".join(_fitting([tool.name for tool in others], budget // 2))]
        shown = lines[0].count(", ") + 1
        lines += [f"and {len(others) - shown} more: search_tools finds them."] if shown < len(others) else []
    first = _WHOLE.format(stubs="\n\n".join(whole)) if whole else "Functions you can call:"
    return f"{first}\n" + _HOW.format(count=len(others)) + "\n".join(lines)


def _fitting(texts: Sequence[str], most: int) -> Iterator[str]:
    sizes = accumulate(len(text) + 2 for text in texts)
    return (text for text, _ in takewhile(lambda pair: pair[1] <= most, zip(texts, sizes, strict=True)))


def _short(text: str) -> str:
    return text if len(text) <= _LINE else f"{text[: _LINE - 1].rstrip()}…"
