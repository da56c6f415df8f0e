"""Executors by short name. An adapter is imported when it is named."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module

from ..errors import UnknownName, UsageError
from ..protocols import Executor

__all__ = ("EXECUTORS", "executor_from")

EXECUTORS: Mapping[str, str] = {
    "sandbox": "sandbox:SandboxExecutor",
    "e2b": "e2b:E2BExecutor",
    "monty": "monty:MontyExecutor",
    "unsafe-local": "unsafe:UnsafeLocalExecutor",
}


def executor_from(given: Executor | str) -> Executor:
    """Give the executor that a short name stands for, or the executor itself.

    Raises `UnknownName` for a name that stands for none.
    """
    if not isinstance(given, str):
        if not callable(getattr(given, "open", None)):
            raise UsageError(f"an executor has a method `open`; {given!r} has none")
        return given
    if given not in EXECUTORS:
        near = difflib.get_close_matches(given, EXECUTORS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(EXECUTORS)}"
        raise UnknownName(f"no executor is called {given!r}; {hint}")
    module, _, name = EXECUTORS[given].partition(":")
    executor: Executor = getattr(import_module(f"codeling.executors.{module}"), name)()
    return executor
