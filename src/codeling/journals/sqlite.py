"""The embedded journal: one SQLite file, write-ahead, shared by any number of processes.

Each event is one row, committed before `append` returns. The rows are never changed. A process that
is killed loses nothing; where the machine itself loses power, the last events may be lost unless
`fsync` is set, but the file is sound.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from ..errors import JournalError
from ..events import Event, RunStarted
from ..messages import ToolCall
from .blobs import named
from .codec import Texts
from .holds import FileHold

__all__ = ("SQLiteJournal",)

_VERSION = 2
_EVENTS = """
CREATE TABLE IF NOT EXISTS events (
    run_id TEXT NOT NULL, number INTEGER NOT NULL, event TEXT NOT NULL, PRIMARY KEY (run_id, number)
) STRICT, WITHOUT ROWID
"""
_APPEND = "INSERT INTO events SELECT ?, coalesce(max(number), 0) + 1, ? FROM events WHERE run_id = ?"
_SINCE_2 = (
    "CREATE TABLE IF NOT EXISTS blobs (hash TEXT PRIMARY KEY, data TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS runs (run_id TEXT PRIMARY KEY, at REAL NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS runs_by_time ON runs (at)",
    "INSERT OR IGNORE INTO runs SELECT run_id, json_extract(event, '$.at') FROM events WHERE number = 1",
)
"""What version 2 added to version 1: large values apart, and a list of the runs."""
_PATIENCE = 30.0


class SQLiteJournal:
    """Keeps runs in the SQLite file at `path`; a file of an older version is brought up to date."""

    anywhere = True

    def __init__(self, path: str | os.PathLike[str], *, patience: float = _PATIENCE, fsync: bool = False) -> None:
        """Name the file; it is opened, or made, when it is first used.

        `patience` is how many seconds to wait for a file that another process has locked. With `fsync`
        each event is on the disk itself before it is acted upon, which is slower.
        """
        self.path = Path(path)
        self._patience, self._fsync = patience, fsync
        self._texts = Texts()
        self._lock = threading.Lock()
        self._connections: dict[int, sqlite3.Connection] = {}
        weakref.finalize(self, _close_all, self._connections)

    async def append(self, event: Event, /) -> None:
        """Keep the event; it is committed when this returns. Raises `JournalError`."""
        text, blobs = self._texts.split(event)
        row = (event.run_id, text, event.run_id)
        with self._using(f"an event of run {event.run_id!r} was not kept") as connection:
            if not blobs and not isinstance(event, RunStarted):
                connection.execute(_APPEND, row)  # a statement alone is a transaction
                return
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                connection.executemany("INSERT OR IGNORE INTO blobs VALUES (?, ?)", blobs.items())
                if isinstance(event, RunStarted):
                    connection.execute("INSERT OR IGNORE INTO runs VALUES (?, ?)", (event.run_id, time.time()))
                connection.execute(_APPEND, row)

    async def read(self, run_id: str, /) -> AsyncIterator[Event]:
        """Give a run's events in their order. Raises `JournalError`."""
        with self._using("it cannot be read") as connection:
            query = "SELECT event FROM events WHERE run_id = ? ORDER BY number"
            rows = connection.execute(query, (run_id,)).fetchall()
        for number, (text,) in enumerate(rows, 1):
            try:
                event = self._texts.event(text, self._blobs_of(text) if '"blobs":[' in text else None)
            except JournalError as error:
                raise JournalError(f"journal {str(self.path)!r}: run {run_id!r}, event {number}: {error}") from error
            yield event

    def _blobs_of(self, text: str) -> dict[str, str]:
        try:
            hashes = list(named(json.loads(text)))
        except ValueError:  # said when the event itself is read
            return {}
        with self._using("it cannot be read") as connection:
            query = "SELECT hash, data FROM blobs WHERE hash = ?"
            return dict(row for hash in hashes for row in connection.execute(query, (hash,)))

    def key(self, call: ToolCall, /) -> str:
        """Give a text that is the same for equal calls."""
        return self._texts.key(call)

    async def run_ids(self) -> AsyncIterator[str]:
        """Give the runs that the file holds, newest first. Raises `JournalError`."""
        with self._using("it cannot be read") as connection:
            rows = connection.execute("SELECT run_id FROM runs ORDER BY at DESC").fetchall()
        for (run_id,) in rows:
            yield run_id

    @asynccontextmanager
    async def hold(self, run_id: str, /) -> AsyncIterator[bool]:
        """Hold a run while the context lasts. Gives False where somebody else, in any process, holds it."""
        try:
            hold = FileHold(self.path.with_name(f"{self.path.name}-holds"), run_id)
        except OSError as error:
            where = "" if self.path.parent.is_dir() else f"; make the folder {str(self.path.parent)!r} first"
            raise JournalError(f"journal {str(self.path)!r}: {error.strerror}{where}") from error
        try:
            yield hold.free
        finally:
            hold.close()

    @contextmanager
    def _using(self, trouble: str) -> Iterator[sqlite3.Connection]:
        """Give this process's connection, to one thread at a time."""
        try:
            with self._lock:
                yield self._open()
        except (sqlite3.Error, UnicodeError) as error:
            raise JournalError(f"journal {str(self.path)!r}: {trouble}: {error}{_remedy(error)}") from error

    def _open(self) -> sqlite3.Connection:
        """The connection of this process; a forked child opens its own."""
        connection = self._connections.get(os.getpid())
        if connection is None:
            connection = self._connections[os.getpid()] = self._connect()
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=self._patience, check_same_thread=False, isolation_level=None)
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > _VERSION:
                raise JournalError(f"journal {str(self.path)!r} is of version {version}; update codeling to use it")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA synchronous={'FULL' if self._fsync else 'NORMAL'}")
            if version < _VERSION:
                _bring_up_to_date(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            _close_all(self._connections)


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Make the tables, in one transaction; another process may be doing the same."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        for statement in (_EVENTS, *_SINCE_2, f"PRAGMA user_version={_VERSION}"):
            connection.execute(statement)


def _remedy(error: Exception) -> str:
    """What a person can do about the usual troubles of a file."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return "; another process keeps it locked: wait for it, or end it"
    if "full" in text or "disk I/O" in text:
        return "; make room on its disk, then resume the run: what is stored is sound"
    if "unable to open" in text:
        return "; it must be a file, or none yet, in a folder that is there and may be written to"
    if "malformed" in text or "not a database" in text:
        return "; it is damaged, or no journal: use another file, or a copy of it"
    return ""


def _close_all(connections: dict[int, sqlite3.Connection]) -> None:
    """Close this process's connection; those that a forked child inherited are its parent's."""
    connection = connections.pop(os.getpid(), None)
    if connection is not None:
        connection.close()
