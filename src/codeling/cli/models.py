"""`codeling models`: the short names of models, what they stand for, and what is missing to use them here."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from importlib.util import find_spec
from typing import Any

from ..lookup import load
from .tables import about, add_plain, table

__all__ = ("add", "models", "weights")


def add(commands: Any) -> None:
    """Say what the command takes."""
    command = add_plain(commands, "models", "list the short names for --model, and what each needs here")
    command.add_argument("--json", action="store_true", help="print them as JSON")


def models(options: Namespace) -> int:
    """Print the short names of models, whether each is usable here, and the local ones with a name."""
    found = [_seen(name, adapter) for name, adapter in sorted(load("codeling.models.registry:ADAPTERS").items())]
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    rows = [(one["name"], f"[{one['extra']}]", one["missing"] or "usable", one["about"]) for one in found]
    print(table([("NAME", "EXTRA", "HERE", "WHAT IT IS"), *rows]))
    print()
    print(table([*weights(), ("local:FILE.gguf", "any GGUF file")]))
    return 0


def _seen(name: str, adapter: Any) -> dict[str, Any]:
    """Say what there is of an adapter. Asks no server and loads no library."""
    installed = _is_there(adapter.library)
    missing = ""
    if not installed:
        missing = f"pip install 'codeling[{adapter.extra}]'"
    elif adapter.keys and not any(os.environ.get(key) for key in adapter.keys):
        missing = f"set {' or '.join(adapter.keys)}"
    wants = f" Needs {adapter.wants}." if adapter.wants and not missing else ""
    return {
        "name": "local" if name == "local" else f"{name}:MODEL",
        "class": adapter.path.partition(":")[2],
        "extra": adapter.extra,
        "installed": installed,
        "keys": list(adapter.keys),
        "usable": not missing,
        "missing": missing,
        "about": about(f"codeling.models.{adapter.path}") + wants,
    }


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that it is in
        return False


def weights() -> list[tuple[str, str]]:
    """Give the local models that have a name, how large each is, and whether it is here."""
    known, find = load("codeling.models.weights:KNOWN"), load("codeling.models.weights:find")
    where = {True: "on this machine", False: "fetched on its first use"}
    return [
        (f"local:{name}", f"{file.size / 1e6:,.0f} MB, {where[find(name) is not None]}") for name, file in known.items()
    ]
