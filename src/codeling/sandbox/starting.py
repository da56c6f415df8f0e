"""What executors over the wire share: a worker is started in a thread, and a session is opened over it."""

from __future__ import annotations

from collections.abc import Callable

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

    async def _start(self) -> Connection:
        connection: Connection = await load("codeling.sync.threads:in_thread")(self._spawn)
        return connection
