"""`codeling models`: the short names of models, and what they stand for."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ..lookup import load
from .tables import about, add_plain, table

__all__ = ("add", "models", "weights")


def add(commands: Any) -> None:
    """Say what the command takes."""
    add_plain(commands, "models", "list the short names for --model")


def models(options: Namespace) -> int:
    """Print the short names of models and the local ones with a name."""
    adapters = load("codeling.models.registry:ADAPTERS")
    rows = [(name if name == "local" else f"{name}:MODEL", about(path)) for name, path in sorted(adapters.items())]
    print(table([*rows, *weights(), ("local:FILE.gguf", "any GGUF file")]))
    return 0


def weights() -> list[tuple[str, str]]:
    """Give the local models that have a name, how large each is, and whether it is here."""
    known, find = load("codeling.models.weights:KNOWN"), load("codeling.models.weights:find")
    where = {True: "on this machine", False: "fetched on its first use"}
    return [
        (f"local:{name}", f"{file.size / 1e6:,.0f} MB, {where[find(name) is not None]}") for name, file in known.items()
    ]
