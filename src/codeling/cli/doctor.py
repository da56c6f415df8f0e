"""`codeling doctor`: what works on this machine. It looks and tries; it changes and fetches nothing."""

from __future__ import annotations

import platform
import re
import sys
from argparse import Namespace
from importlib import metadata
from typing import Any

from .. import __version__
from ..errors import EndsRun
from ..lookup import load
from ..messages import ToolCall
from ..protocols import SessionSpec
from .models import weights
from .tables import add_plain, table

__all__ = ("add", "doctor")

_EXTRA = re.compile(r"""extra\s*==\s*['"]([\w-]+)['"]""")


def add(commands: Any) -> None:
    """Say what the command takes."""
    add_plain(commands, "doctor", "say what works on this machine: the wall, extras, weights")


def doctor(options: Namespace) -> int:
    """Print what works here; the exit code is 1 where programs cannot be run behind a wall."""
    import asyncio  # slow to load, and asking for help loads this file

    walls = {name: asyncio.run(_wall(name)) for name in ("full", "strong")}
    print(f"codeling {__version__}, Python {platform.python_version()} ({sys.executable}), {platform.platform()}\n")
    print("The wall of the default executor:")
    print(table((f"  {name}", _LAYERS[name], said) for name, said in walls.items()))
    best = next((name for name, said in walls.items() if said == "works"), None)
    print(f"  Programs run behind {best!r}.\n" if best else "  Programs cannot be run behind a wall here.\n")
    print("Extras, each by pip install 'codeling[NAME]':")
    print(_extras() + "\n")
    print("Local models:")
    print(table((f"  {name}", said) for name, said in weights()))
    return 0 if best else 1


_LAYERS = {"full": "namespaces, Landlock, seccomp", "strong": "Landlock, seccomp, disk watchdog"}


async def _wall(isolation: str) -> str:
    """Start a sealed worker and have it compute something: whether a wall works is tried, not guessed."""
    executor = load("codeling.executors.sandbox:SandboxExecutor")(isolation=isolation)
    try:
        session = await executor.open(SessionSpec())
        try:
            outcome = await session.run("6 * 7", step=1, on_call=_no_calls, on_output=lambda text: None)
        finally:
            session.close()
    except EndsRun as error:
        return f"does not work: {error}"
    return "works" if outcome.value == "42" else f"does not work: {outcome.error or 'a program gave no answer'}"


async def _no_calls(call: ToolCall) -> None:
    raise AssertionError(f"the program calls nothing, least of all {call.name}")


def _extras() -> str:
    try:
        needs = metadata.requires("codeling") or []
    except metadata.PackageNotFoundError:
        return "  not known: codeling is imported from its source folder and not installed"
    packages: dict[str, list[str]] = {}
    for need in needs:
        name = re.split(r"[\s;<>=!~\[(]", need, maxsplit=1)[0]
        for extra in _EXTRA.findall(need):
            packages.setdefault(extra, []).append(name)
    return table((f"  {extra}", _installed(names)) for extra, names in sorted(packages.items()))


def _installed(names: list[str]) -> str:
    missing = [name for name in names if not _version(name)]
    here = [f"{name} {_version(name)}" for name in names if _version(name)]
    return ", ".join([*here, *(f"{name} is missing" for name in missing)])


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
