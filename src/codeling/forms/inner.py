"""Calls of a program that is an argument of a call: a JSON agent's tool may run Python that calls its other tools."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Protocol

from ..messages import ToolCall
from ..protocols import running
from ..tools import Tool

__all__ = ("Calls", "Inner", "inner", "let")


class Calls(Protocol):
    """What takes the calls of a run: its broker."""

    tools: Mapping[str, Tool]

    async def __call__(self, call: ToolCall, /) -> Any:
        """Make one call."""
        ...

    def anywhere(self, name: str, /) -> bool:
        """Whether calls of a tool may be made in any thread."""
        ...


class Inner:
    """Takes the calls of such a program, by the run's rules. Their ids begin with the id of the call around them."""

    def __init__(self, calls: Calls, outer: str) -> None:
        self._calls, self._outer, self._run = calls, outer, running()
        self.tools, self.anywhere = calls.tools, calls.anywhere

    async def __call__(self, call: ToolCall, /) -> Any:
        """Make one call."""
        return await self._calls(replace(call, id=f"{self._outer}/{call.id}"))

    @property
    def here(self) -> bool:
        """Whether its run is the one that acts here, and none below it."""
        return self._run is not None and self._run is running()


_inner: ContextVar[Inner | None] = ContextVar("inner", default=None)


def let(calls: Calls, call: ToolCall) -> None:
    """Have the tool of this call find where the calls of its program go. What sets this is a task of the call's own."""
    _inner.set(Inner(calls, call.id))


def inner() -> Inner | None:
    """Give what takes the calls of a program that the tool called here runs, or None where nothing does."""
    found = _inner.get()
    return found if found and found.here else None
