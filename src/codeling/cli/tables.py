"""What the commands that list things share."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from ..lookup import load

__all__ = ("about", "add_plain", "table")


def add_plain(commands: Any, name: str, text: str, more: str = "") -> Any:
    """Add a command of one file, `codeling.cli.NAME:NAME`, that takes nothing yet. Gives its parser."""
    said = f"{text[0].upper()}{text[1:]}."
    command = commands.add_parser(
        name, help=text, description=said, epilog=more, formatter_class=load("codeling.cli.parser:Help")
    )
    command.set_defaults(command=f"codeling.cli.{name}:{name}")
    return command


def about(path: str) -> str:
    """Give the first sentence of what a class says about itself."""
    return " ".join((inspect.getdoc(load(path)) or "").split("\n\n")[0].split())


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """Give rows as aligned columns."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
