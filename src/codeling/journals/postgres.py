"""The journal of many machines: a PostgreSQL database, by psycopg 3.

Each event is one row, committed before `append` returns. Whoever works on a run holds an advisory
lock of the server, which ends with its connection. Calls are made in threads of the journal's own,
one connection each, so that a distant server holds nothing else up.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from ..errors import JournalError, MissingDependency
from ..events import Event, RunStarted
from ..messages import ToolCall
from .blobs import named
from .codec import Texts

__all__ = ("PostgresJournal",)

T = TypeVar("T")

_VERSION = 2
_TABLES = (
    "CREATE TABLE IF NOT EXISTS codeling_meta (version integer NOT NULL)",
    """CREATE TABLE IF NOT EXISTS codeling_events (
        run_id text NOT NULL, number integer NOT NULL, event text NOT NULL, PRIMARY KEY (run_id, number)
    )""",
    "CREATE TABLE IF NOT EXISTS codeling_blobs (hash text PRIMARY KEY, data text NOT NULL)",
    "CREATE TABLE IF NOT EXISTS codeling_runs (run_id text PRIMARY KEY, at double precision NOT NULL)",
    "CREATE INDEX IF NOT EXISTS codeling_runs_by_time ON codeling_runs (at)",
)
_APPEND = (
    "INSERT INTO codeling_events SELECT %s, coalesce(max(number), 0) + 1, %s FROM codeling_events WHERE run_id = %s"
)
_SETUP_LOCK = 0x636F64656C696E67
"""The advisory lock under which the tables are made: "codeling" in ASCII."""


class PostgresJournal:
    """Keeps runs in the PostgreSQL database of a connection string, such as `postgresql://user@host/name`."""

    def __init__(self, url: str, *, connections: int = 4) -> None:
        """Name the database; it is connected to, and its tables are made, when it is first used."""
        self.url = url
        self._texts = Texts()
        self._local = threading.local()
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="codeling-postgres")
        self._ready = False
        self._lock = threading.Lock()
        self._open: list[Any] = []
        self._held: set[str] = set()
        self._holder: Any = None
        weakref.finalize(self, _close_all, self._open)

    async def append(self, event: Event, /) -> None:
        """Keep the event; it is committed when this returns. Raises `JournalError`."""
        text, blobs = self._texts.split(event)

        def work(connection: Any) -> None:
            with connection.transaction():
                for item in blobs.items():
                    connection.execute("INSERT INTO codeling_blobs VALUES (%s, %s) ON CONFLICT DO NOTHING", item)
                if isinstance(event, RunStarted):
                    row = (event.run_id, time.time())
                    connection.execute("INSERT INTO codeling_runs VALUES (%s, %s) ON CONFLICT DO NOTHING", row)
                connection.execute(_APPEND, (event.run_id, text, event.run_id))

        await self._do(f"an event of run {event.run_id!r} was not kept", work)

    async def read(self, run_id: str, /) -> AsyncIterator[Event]:
        """Give a run's events in their order. Raises `JournalError`."""

        def work(connection: Any) -> list[tuple[str, dict[str, str]]]:
            query = "SELECT event FROM codeling_events WHERE run_id = %s ORDER BY number"
            texts = [text for (text,) in connection.execute(query, (run_id,)).fetchall()]
            return [(text, _blobs_of(connection, text) if '"blobs":[' in text else {}) for text in texts]

        for text, blobs in await self._do("it cannot be read", work):
            yield self._texts.event(text, blobs)

    def key(self, call: ToolCall, /) -> str:
        """Give a text that is the same for equal calls."""
        return self._texts.key(call)

    async def run_ids(self) -> AsyncIterator[str]:
        """Give the runs that the database holds, newest first. Raises `JournalError`."""
        query = "SELECT run_id FROM codeling_runs ORDER BY at DESC"
        for (run_id,) in await self._do("it cannot be read", lambda connection: connection.execute(query).fetchall()):
            yield run_id

    @asynccontextmanager
    async def hold(self, run_id: str, /) -> AsyncIterator[bool]:
        """Hold a run while the context lasts. Gives False where somebody else, on any machine, holds it."""
        free = await asyncio.get_running_loop().run_in_executor(self._threads, self._take, run_id)
        try:
            yield free
        finally:
            if free:
                await asyncio.get_running_loop().run_in_executor(self._threads, self._let_go, run_id)

    def _take(self, run_id: str) -> bool:
        """Take the server's lock, in one session for all the runs of this journal."""
        with self._lock:
            if run_id in self._held:
                return False
            psycopg = _psycopg()
            try:
                if self._holder is None or self._holder.closed:
                    self._holder = psycopg.connect(self.url, autocommit=True)
                    self._open.append(self._holder)
                query = "SELECT pg_try_advisory_lock(%s)"
                free = bool(self._holder.execute(query, (_number(run_id),)).fetchone()[0])
            except psycopg.Error as error:
                raise JournalError(f"journal {self._shown()}: a run cannot be held: {error}") from error
            if free:
                self._held.add(run_id)
            return free

    def _let_go(self, run_id: str) -> None:
        with self._lock:
            self._held.discard(run_id)
            try:
                self._holder.execute("SELECT pg_advisory_unlock(%s)", (_number(run_id),))
            except _psycopg().Error:  # the session is gone, and its locks with it
                self._holder = None

    async def _do(self, trouble: str, work: Callable[[Any], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._try, trouble, work)

    def _try(self, trouble: str, work: Callable[[Any], T]) -> T:
        """Do the work on this thread's connection; once more where another process took the same number."""
        psycopg = _psycopg()
        try:
            while True:
                try:
                    return work(self._connection())
                except psycopg.errors.UniqueViolation:
                    continue
        except psycopg.Error as error:
            self._drop()
            raise JournalError(f"journal {self._shown()}: {trouble}: {str(error).strip()}") from error

    def _connection(self) -> Any:
        connection = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = self._local.connection = _psycopg().connect(self.url, autocommit=True)
            with self._lock:
                self._open.append(connection)
                if not self._ready:
                    self._set_up(connection)
                    self._ready = True
        return connection

    def _set_up(self, connection: Any) -> None:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SETUP_LOCK,))
            if not connection.execute("SELECT to_regclass('codeling_meta')").fetchone()[0]:
                for statement in _TABLES:
                    connection.execute(statement)
                connection.execute("INSERT INTO codeling_meta VALUES (%s)", (_VERSION,))
            version = connection.execute("SELECT max(version) FROM codeling_meta").fetchone()[0]
        if version > _VERSION:
            raise JournalError(f"journal {self._shown()} is of version {version}; update codeling to use it")

    def _drop(self) -> None:
        connection, self._local.connection = getattr(self._local, "connection", None), None
        if connection is not None:
            connection.close()

    def _shown(self) -> str:
        """The database, without its password."""
        parts = _psycopg().conninfo.conninfo_to_dict(self.url)
        return repr(f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}")

    def close(self) -> None:
        """Close the connections."""
        self._threads.shutdown()
        with self._lock:
            _close_all(self._open)


def _close_all(connections: list[Any]) -> None:
    for connection in connections:
        connection.close()


def _number(run_id: str) -> int:
    """The number of a run's advisory lock."""
    return int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:8], "big", signed=True)


def _blobs_of(connection: Any, text: str) -> dict[str, str]:
    query = "SELECT hash, data FROM codeling_blobs WHERE hash = ANY(%s)"
    return dict(connection.execute(query, (list(named(json.loads(text))),)).fetchall())


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise MissingDependency(
            "PostgresJournal needs psycopg; install it: pip install 'codeling[postgres]'"
        ) from error
    return psycopg
