"""What executors over the wire share: a worker is started in a thread, and a session is opened over it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context

from ..lookup import Recorded, load
from ..protocols import Session, SessionSpec
from .session import Connection, SessionLimits, WireSession

__all__ = ("WireExecutor",)


class WireExecutor(Recorded):
    """An executor that only has to say how a worker is started: `_spawn`, which may block."""

    _limits: SessionLimits
    _spawn: Callable[[], Connection]

    async def open(self, spec: SessionSpec, /) -> Session:
        """Start an interpreter. Raises `SandboxError` where it cannot be had, saying what is missing."""
        return await WireSession.open(self._start, spec, limits=self._limits)

    def _threads(self) -> ThreadPoolExecutor:
        """Where workers are started."""
        pool: ThreadPoolExecutor = load("codeling.sync.threads:pool")()
        return pool

    async def _start(self) -> Connection:
        made: list[Connection] = []
        given_up = threading.Event()

        def spawn() -> Connection:
            made.append(Context().run(self._spawn))  # a library that keeps its context would keep the run in it
            if given_up.is_set():
                made[0].kill()
            return made[0]

        try:
            connection = await asyncio.get_running_loop().run_in_executor(self._threads(), spawn)
        except asyncio.CancelledError:  # nobody will close what is started from here on
            given_up.set()
            for started in made:
                started.kill()
            raise
        return connection
