"""Optional libraries, imported when they are first used. Knows none of them by name."""

from __future__ import annotations

import importlib
from typing import Any

from ..errors import MissingDependency

__all__ = ("needed",)


def needed(module: str, *, extra: str, by: str) -> Any:
    """Import an optional library for `by`. Raises `MissingDependency` with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        if (error.name or module).partition(".")[0] != library:
            raise
        raise MissingDependency(f"{by} needs the library {library!r}: pip install 'codeling[{extra}]'") from error
