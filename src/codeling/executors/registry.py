"""Executors by short name. An adapter is imported when it is named."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module

from ..errors import UnknownName, UsageError
from ..protocols import Executor

__all__ = ("EXECUTORS", "PLACES", "executor_from")

EXECUTORS: Mapping[str, str] = {
    "sandbox": "sandbox:SandboxExecutor",
    "docker": "docker:DockerExecutor",
    "e2b": "e2b:E2BExecutor",
    "monty": "monty:MontyExecutor",
    "modal": "modal:ModalExecutor",
    "blaxel": "blaxel:BlaxelExecutor",
    "daytona": "daytona:DaytonaExecutor",
    "ssh": "ssh:SSHExecutor",
    "jupyter": "jupyter:JupyterExecutor",
    "pyodide": "pyodide:PyodideExecutor",
    "unsafe-local": "unsafe:UnsafeLocalExecutor",
}

PLACES = ("docker", "ssh", "jupyter")
"""Names that may be followed by a place: `docker:IMAGE`, `ssh:HOST`, `jupyter:URL`."""
_MEANT = {"local": ["sandbox"], "wasm": ["pyodide"], "podman": ["docker"]}
"""What others call them."""


def executor_from(given: Executor | str) -> Executor:
    """Give the executor that a short name stands for, or the executor itself.

    Raises `UnknownName` for a name that stands for none.
    """
    if not isinstance(given, str):
        if isinstance(given, type):
            raise UsageError(f"an executor is made first: executor={given.__name__}()")
        if not callable(getattr(given, "open", None)):
            raise UsageError(f"an executor has a method `open`; {given!r} has none")
        return given
    name, _, place = given.partition(":")
    if name not in EXECUTORS:
        near = _MEANT.get(name) or difflib.get_close_matches(name, EXECUTORS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(EXECUTORS)}"
        raise UnknownName(f"no executor is called {given!r}; {hint}")
    if place and name not in PLACES:
        raise UsageError(f"{given!r} names a place, which only these take: {', '.join(PLACES)}")
    if name == "ssh" and not place:
        raise UsageError("'ssh' needs a host, such as 'ssh:user@host'")
    module, _, kind = EXECUTORS[name].partition(":")
    made: Executor = getattr(import_module(f"codeling.executors.{module}"), kind)(*filter(None, [place]))
    return made
