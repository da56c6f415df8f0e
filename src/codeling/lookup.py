"""Loads adapters and what not every run needs by name, when it is first used. Nothing is imported before."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, Self

__all__ = ("Recorded", "deferred", "load", "named")


class Recorded:
    """Remembers what it was made with, so that it can be saved and made again: tools, models, executors."""

    _made_with: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Make one, and keep what it is made with."""
        self = super().__new__(cls)
        self._made_with = (args, kwargs)
        return self


@cache
def load(path: str) -> Any:
    """Give what `"module:name"` stands for."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def deferred(path: str) -> Callable[..., Any]:
    """Give a function or method whose body is `"module:name"`, loaded when it is first called."""

    def call(*args: Any, **options: Any) -> Any:
        return load(path)(*args, **options)

    call.__doc__ = f"Do what `{path.replace(':', '.')}` does."
    return call


def named(package: str, function: str, given: Any) -> Any:
    """Give what a short name of a package stands for, or the given thing itself. Raises `UnknownName`."""
    return load(f"codeling.{package}.registry:{function}")(given)
