"""`codeling models` and `codeling executors`: the short names, and what they stand for."""

from __future__ import annotations

import inspect
from argparse import Namespace
from collections.abc import Iterable

from ..lookup import load

__all__ = ("executors", "models", "table", "weights")


def models(options: Namespace) -> int:
    """Print the short names of models and the local ones with a name."""
    adapters = load("codeling.models.registry:ADAPTERS")
    rows = [(name if name == "local" else f"{name}:MODEL", _about(path)) for name, path in sorted(adapters.items())]
    print(table([*rows, *weights(), ("local:FILE.gguf", "any GGUF file")]))
    return 0


def weights() -> list[tuple[str, str]]:
    """Give the local models that have a name, how large each is, and whether it is here."""
    known, find = load("codeling.models.weights:KNOWN"), load("codeling.models.weights:find")
    where = {True: "on this machine", False: "fetched on its first use"}
    return [
        (f"local:{name}", f"{file.size / 1e6:,.0f} MB, {where[find(name) is not None]}") for name, file in known.items()
    ]


def executors(options: Namespace) -> int:
    """Print the short names of executors."""
    known = load("codeling.executors.registry:EXECUTORS")
    print(table((name, _about(f"codeling.executors.{path}")) for name, path in known.items()))
    return 0


def _about(path: str) -> str:
    """Give the first sentence of what a class says about itself."""
    return " ".join((inspect.getdoc(load(path)) or "").split("\n\n")[0].split())


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """Give rows as aligned columns."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
