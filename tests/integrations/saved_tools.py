"""Tools that are saved in the tests, with what a file of tools usually has around them."""

from __future__ import annotations

import asyncio
import os as system
from collections import Counter
from typing import Any

from codeling import Tool, tool

FACTOR = 3
TABLE = {"a": 1}
TABLE["b"] = 2
NEVER = open  # what no tool here uses, so that it goes nowhere


def times(number: int) -> int:
    """Used by a tool below."""
    return number * FACTOR


def _unused() -> object:
    return NEVER


@tool(effect="read")
def get(key: str, extra: int = 0, *more: int, loud: bool = False) -> int:
    """Get a value; its own name stands in its body as another thing's method."""
    return times(TABLE.get(key, 0)) + extra + sum(more) + int(loud)


@tool(needs_approval=True)
async def count(words: list[str]) -> dict[str, int]:
    """Count words."""
    await asyncio.sleep(0)
    return dict(Counter(words))


@tool
def curious(what: str) -> str:
    """Look around."""
    return open(what).read() if what.startswith("/") else str(system.environ.get(what))


def forget(what: str) -> None:
    """Undo a note."""
    TABLE.pop(what)


@tool(compensate=forget)
def note(what: str) -> int:
    """Take a note."""
    TABLE[what] = 1
    return len(TABLE)


class Base(Tool):
    """What tools below share."""

    output_type = "any"

    def total(self, numbers: Any) -> Any:
        """Add up."""
        return sum(numbers)


class Configured(Base):
    """A tool that is made with whatever it is given."""

    name = "configured"
    description = "Give what it was made with."
    inputs = {"number": {"type": "integer", "description": "a number", "nullable": True}}  # noqa: RUF012  # the peer's style

    def __init__(self, *args: Any, password: str | None = None, **options: Any) -> None:
        self.args, self.options, self.password = args, options, password

    def setup(self) -> None:
        """Once."""
        self.started = getattr(self, "started", 0) + 1

    def forward(self, number: int | None = None) -> Any:
        """Give it."""
        return [self.args, self.options, self.total([number or 0]), self.started]
