"""Loads adapters and what not every run needs by name, when it is first used. Nothing is imported before."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

__all__ = ("load", "named")


@cache
def load(path: str) -> Any:
    """Give what `"module:name"` stands for."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def named(package: str, function: str, given: Any) -> Any:
    """Give what a short name of a package stands for, or the given thing itself. Raises `UnknownName`."""
    return load(f"codeling.{package}.registry:{function}")(given)
