"""The embedded journal: one SQLite file, write-ahead, shared by any number of processes.

Each event is one row, committed before `append` returns. The rows are never changed.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import AsyncIterator
from pathlib import Path

from ..errors import JournalError
from ..events import Event
from ..messages import ToolCall
from .codec import Texts

__all__ = ("SQLiteJournal",)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    run_id TEXT NOT NULL, number INTEGER NOT NULL, event TEXT NOT NULL, PRIMARY KEY (run_id, number)
) STRICT, WITHOUT ROWID;
"""
_VERSION = 1
_PATIENCE = 30.0


class SQLiteJournal:
    """Keeps runs in the SQLite file at `path`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._texts = Texts()
        self._lock = threading.Lock()
        self._connections: dict[int, sqlite3.Connection] = {}
        weakref.finalize(self, _close_all, self._connections)

    async def append(self, event: Event, /) -> None:
        """Keep the event; it is committed when this returns. Raises `JournalError`."""
        run_id, text = event.run_id, self._texts.text(event)
        try:
            with self._lock, self._open() as connection:
                connection.execute(
                    "INSERT INTO events SELECT ?, coalesce(max(number), 0) + 1, ? FROM events WHERE run_id = ?",
                    (run_id, text, run_id),
                )
        except sqlite3.Error as error:
            raise JournalError(
                f"journal {str(self.path)!r}: an event of run {run_id!r} was not kept: {error}"
            ) from error

    async def read(self, run_id: str, /) -> AsyncIterator[Event]:
        """Give a run's events in their order. Raises `JournalError`."""
        try:
            with self._lock:
                rows = self._open().execute(
                    "SELECT event FROM events WHERE run_id = ? ORDER BY number", (run_id,)
                ).fetchall()  # fmt: skip
        except sqlite3.Error as error:
            raise JournalError(f"journal {str(self.path)!r} cannot be read: {error}") from error
        for (text,) in rows:
            yield self._texts.event(text)

    def key(self, call: ToolCall, /) -> str:
        """Give a text that is the same for equal calls."""
        return self._texts.key(call)

    def _open(self) -> sqlite3.Connection:
        """The connection of this process; a forked child opens its own."""
        connection = self._connections.get(os.getpid())
        if connection is None:
            connection = self._connections[os.getpid()] = self._connect()
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_PATIENCE, check_same_thread=False)
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > _VERSION:
                raise JournalError(f"journal {str(self.path)!r} is of version {version}; update codeling to use it")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.executescript(_SCHEMA + f"PRAGMA user_version={_VERSION};")
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            _close_all(self._connections)


def _close_all(connections: dict[int, sqlite3.Connection]) -> None:
    """Close this process's connection; those that a forked child inherited are its parent's."""
    connection = connections.pop(os.getpid(), None)
    if connection is not None:
        connection.close()
