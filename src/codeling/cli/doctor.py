"""`codeling doctor`: what works on this machine. It looks and tries; it changes and fetches nothing."""

from __future__ import annotations

import json
import platform
import re
import sys
from argparse import Namespace
from dataclasses import asdict
from importlib import metadata
from typing import Any

from .. import __version__
from ..lookup import load
from .models import weights
from .tables import add_plain, table

__all__ = ("add", "doctor")

_EXTRA = re.compile(r"""extra\s*==\s*['"]([\w-]+)['"]""")


def add(commands: Any) -> None:
    """Say what the command takes."""
    command = add_plain(commands, "doctor", "say what works on this machine: the wall, extras, weights")
    command.add_argument("--json", action="store_true", help="print it as JSON")


def doctor(options: Namespace) -> int:
    """Print what works here; the exit code is 1 where programs cannot be run behind a wall."""
    found = load("codeling.sandbox.layers:layers")()  # slow to load, and asking for help loads this file
    works: dict[str, str] = load("codeling.sandbox.layers:walls")()
    best = next((name for name, said in works.items() if said == "works"), None)
    if options.json:
        print(json.dumps(_report(found, works, best), indent=1))
        return 0 if best else 1
    print(f"codeling {__version__}, Python {platform.python_version()} ({sys.executable}), {platform.platform()}\n")
    print("Layers of the wall on this machine:")
    print(table((f"  {layer.name}", "yes" if layer.there else "no", layer.detail) for layer in found) + "\n")
    print("The wall of the default executor:")
    print(table((f"  {name}", _LAYERS[name], said) for name, said in works.items()))
    print(f"  Programs run behind {best!r}.\n" if best else "  Programs cannot be run behind a wall here.\n")
    print("Extras, each by pip install 'codeling[NAME]':")
    print(_extras() + "\n")
    print("Local models:")
    print(table((f"  {name}", said) for name, said in weights()))
    return 0 if best else 1


_LAYERS = {"full": "namespaces, Landlock, seccomp", "strong": "Landlock, seccomp, watchdog"}


def _report(found: list[Any], works: dict[str, str], best: str | None) -> dict[str, Any]:
    return {
        "version": __version__, "python": platform.python_version(), "platform": platform.platform(),
        "layers": [asdict(layer) for layer in found], "walls": works, "isolation": best, "models": dict(weights()),
    }  # fmt: skip


def _extras() -> str:
    try:
        needs = metadata.requires("codeling") or []
    except metadata.PackageNotFoundError:
        return "  not known: codeling is imported from its source folder and not installed"
    packages: dict[str, list[str]] = {}
    for need in needs:
        name = re.split(r"[\s;<>=!~\[(]", need, maxsplit=1)[0]
        for extra in _EXTRA.findall(need):
            packages.setdefault(extra, []).append(name)  # more than once, where machines need other versions
    return table((f"  {extra}", _installed(names)) for extra, names in sorted(packages.items()))


def _installed(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    missing = [name for name in names if not _version(name)]
    here = [f"{name} {_version(name)}" for name in names if _version(name)]
    return ", ".join([*here, *(f"{name} is missing" for name in missing)])


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
