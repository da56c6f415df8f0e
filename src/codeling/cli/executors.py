"""`codeling executors`: the short names of executors, and what they stand for."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ..lookup import load
from .tables import about, add_plain, table

__all__ = ("add", "executors")


def add(commands: Any) -> None:
    """Say what the command takes."""
    add_plain(commands, "executors", "list the short names for --executor")


def executors(options: Namespace) -> int:
    """Print the short names of executors."""
    known = load("codeling.executors.registry:EXECUTORS")
    print(table((name, about(f"codeling.executors.{path}")) for name, path in known.items()))
    return 0
