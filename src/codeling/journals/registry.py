"""Journals by short name."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..protocols import Journal

__all__ = ("journal_from",)


def journal_from(given: Journal | str | os.PathLike[str]) -> Journal:
    """Give the journal that is meant: a path, `"memory"`, `"postgresql://…"`, or the journal itself.

    A path is a SQLite file.
    """
    if given == "memory":
        return _load("memory", "MemoryJournal")()  # type: ignore[no-any-return]  # loaded by name
    if isinstance(given, str) and given.startswith(("postgresql://", "postgres://")):
        return _load("postgres", "PostgresJournal")(given)  # type: ignore[no-any-return]  # loaded by name
    if isinstance(given, str) and "://" in given:
        scheme = given.partition("://")[0]
        raise UsageError(
            f"a journal is a file such as 'runs.db', or at a postgresql:// address; not at a {scheme}:// one"
        )
    if isinstance(given, (str, os.PathLike)):
        if not Path(given).name:
            raise UsageError(f"a journal is a file such as 'runs.db', and {str(given)!r} names none")
        return _load("sqlite", "SQLiteJournal")(given)  # type: ignore[no-any-return]  # loaded by name
    if isinstance(given, type):
        raise UsageError(f"a journal is made first: journal={given.__name__}(…)")
    if not callable(getattr(given, "append", None)):
        raise UsageError(f"a journal is a path such as 'runs.db', or has methods `append` and `read`; not {given!r}")
    return given


def _load(module: str, name: str) -> Any:
    return getattr(import_module(f"codeling.journals.{module}"), name)
