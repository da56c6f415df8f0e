"""What many tools cost in the prompt: all their stubs, beside the catalogue that is shown beyond the budget.

Counted in characters of the first request (a token of English and code is about four of them). The tools are made
up, with names, descriptions and arguments as long as those of MCP servers are: about 450 characters a stub.
No model is asked; whether one finds the right tool is not measured here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from codeling import CodeAgent, FunctionTool, Tool
from codeling.testing import ScriptedModel

from .rows import Row

__all__ = ("rows",)

_COUNTS = (10, 100, 500)
_THINGS = ("issue", "pull_request", "calendar_event", "invoice", "customer", "file", "channel_message", "deployment")
_VERBS = ("create", "get", "list", "search", "update", "delete", "archive", "share")
_ABOUT = """{verb} {thing} in the workspace of team {number}. Returns the object with its id, its state and its times.

Args:
    name: The name or id of the {thing}, as `search` returns it.
    state: Only those in this state; all without one.
    limit: At most so many; the newest come first.
"""


def rows() -> Iterator[Row]:
    """Give a row for each number of tools, and one for finding a tool among the most."""
    for count in _COUNTS:
        tools = _tools(count)
        whole = len("\n\n".join(tool.stub for tool in tools))
        ours = _asked(tools) - _asked([])
        yield Row(
            name=f"prompt characters for {count} tools, beside all stubs", ours=f"{ours:,}", peer=f"{whole:,}",
            ratio=ours / whole, target="" if count == _COUNTS[0] else "≤ 0.5",
            met=None if count == _COUNTS[0] else ours / whole <= 0.5,
        )  # fmt: skip
    found = len(_searched(_tools(_COUNTS[-1]), "archive an invoice"))
    yield Row(name=f"characters printed by one search among {_COUNTS[-1]}", ours=f"{found:,}")


def _tools(count: int) -> list[Tool]:
    def work(name: str, state: Literal["open", "closed"] | None = None, limit: int = 20) -> dict[str, str]:
        return {"name": name}

    names = [(_VERBS[n % 8], _THINGS[n // 8 % 8], n // 64) for n in range(count)]
    return [
        FunctionTool(
            work,
            name=f"{verb}_{thing}_{number}",
            description=_ABOUT.format(verb=verb.title(), thing=thing.replace("_", " "), number=number),
        )
        for verb, thing, number in names
    ]


def _asked(tools: list[Tool]) -> int:
    model = ScriptedModel(["```python\nfinal_answer(0)\n```"])
    CodeAgent(tools, model).run("Go.")
    return sum(len(message.content) for message in model.requests[0].messages)


def _searched(tools: list[Tool], words: str) -> str:
    model = ScriptedModel([f"```python\nsearch_tools({words!r})\n```", "```python\nfinal_answer(0)\n```"])
    result = CodeAgent(tools, model).run("Go.", return_full_result=True)
    return str(result.steps[0].output)
