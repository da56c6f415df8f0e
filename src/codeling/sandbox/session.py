"""Our end of the wire: sends programs, serves calls, collects output, and trusts nothing it reads.

Whatever arrives is hostile until it is checked. A frame that no honest worker would send ends the
session; the program's variables are gone then, the run goes on with a fresh interpreter. Nothing
that arrives between two programs is obeyed. What this file cannot do is contain the process behind
the wire: that is the wall's work.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeAlias

from ..errors import SandboxError, UsageError, WireBroken
from ..lookup import load
from ..protocols import OnCall, OnOutput, Outcome, SessionSpec
from .exchange import Exchange
from .line import Connection, Line, SessionLimits
from .values import HostCodec

__all__ = ("Connection", "SessionLimits", "Start", "WireSession")

Start: TypeAlias = Callable[[], Awaitable[Connection]]

_GLANCE = 0.005
_LOST = "The interpreter was lost: {}. All variables are gone; a fresh one is {}.{}"


class WireSession:
    """A session over any connection. Opens a fresh worker whenever the last one was lost."""

    def __init__(self, start: Start, spec: SessionSpec, limits: SessionLimits) -> None:
        self._start, self._spec, self._limits = start, spec, limits
        self._line: Line | None = None
        self._dropped = load("codeling.sync.threads:undertaker")()
        self._codec = HostCodec()
        self._variables: dict[str, Any] = {}
        self._closed = False
        self._opening: asyncio.Task[Line] | None = None
        self.isolation = "none"
        self.clock: float | None = None
        """What the next program is told that the time is, in seconds since the epoch; None for the real time."""

    @property
    def _connection(self) -> Connection | None:
        """The live connection, for those who watch over the worker itself."""
        return self._line.connection if self._line and self._line.open else None

    @classmethod
    async def open(cls, start: Start, spec: SessionSpec, *, limits: SessionLimits | None = None) -> WireSession:
        """Start a worker and greet it. Raises `SandboxError`."""
        session = cls(start, spec, limits or SessionLimits())
        await session._connect()
        return session

    @classmethod
    def ahead(cls, start: Start, spec: SessionSpec, *, limits: SessionLimits, isolation: str) -> WireSession:
        """Give a session whose worker is being started: its first use waits for it, and raises what `open` would."""
        session = cls(start, spec, limits)
        session.isolation = isolation
        session._opening = asyncio.create_task(session._connect())
        session._opening.add_done_callback(_nobody_waits)
        return session

    async def assign(self, variables: Mapping[str, Any], /) -> None:
        """Set variables in the program's world, also in the worker that may follow a lost one."""
        await self.opened()
        self._variables.update(variables)
        if self._line is None or not self._line.open:
            await self._connect()
        else:
            await self._set(self._line, self._variables)

    async def run(self, code: str, /, *, step: int, on_call: OnCall, on_output: OnOutput) -> Outcome:
        """Run one program to its end, as `protocols.Session.run` says."""
        await self.opened()
        if self._line and not self._line.open:
            fresh = await self._replaced()
            return Outcome(
                error=_LOST.format("it ended between two programs", fresh, " This one was not run."), lost=True
            )
        line = self._line or await self._connect()
        exchange = Exchange(
            line, self._codec, self._limits, step=step, offered=self._spec.tools, on_call=on_call, on_output=on_output
        )
        clock, self.clock = self.clock, None
        try:
            return await exchange.run({"t": "exec", "id": step, "src": code, "clock": clock})
        except WireBroken as error:
            why = await load("codeling.sync.threads:in_thread")(line.close, str(error))  # it may take its time to die
            told = _LOST.format(why, await self._replaced(), "")
            return replace(exchange.outcome({"err": told}), lost=True)

    async def fork(self) -> WireSession:
        """Give a second session that goes on from this one's state: two futures, which do not know of each other.

        All in the interpreter is copied, as it is between two programs; the working folder, and files that are
        open, are shared. Only where the executor can: `SandboxExecutor(forks=N)`, else raises `UsageError`.
        Raises `SandboxError` where threads or asyncio tasks are left, or N forks live already.
        """
        copy: WireSession = await load("codeling.sandbox.forking:fork")(self)
        return copy

    def like(self, line: Line) -> WireSession:
        """Give a session that is as this one, on another line."""
        other = WireSession(self._start, self._spec, self._limits)
        other._line, other._codec, other.isolation = line, self._codec.copy(), self.isolation
        other._variables = dict(self._variables)
        return other

    async def opened(self) -> None:
        """Wait for a worker that is being started. Raises `SandboxError` where it cannot be had."""
        opening, self._opening = self._opening, None
        if opening is None:
            return
        if opening.get_loop() is asyncio.get_running_loop():
            await opening
            return
        while not opening.done() and opening.get_loop().is_running():  # noqa: ASYNC110  # what ends on another loop
            await asyncio.sleep(_GLANCE)
        if opening.done() and not opening.cancelled():
            opening.result()
        else:  # its loop ended before it
            await self._connect()

    def close(self) -> None:
        """End the worker and free what it held."""
        self._closed = True
        opening = self._opening
        if opening and not opening.done() and opening.get_loop().is_running():
            with suppress(RuntimeError):  # its loop has ended, and the task with it
                opening.get_loop().call_soon_threadsafe(opening.cancel)
                return  # it closes its line itself: while the loop reads a descriptor, nobody else may get that number
        line, self._line = self._line, None
        if line:
            line.close()

    def __del__(self) -> None:
        if sys.is_finalizing():
            self.close()
        elif self._line:  # a worker takes its time to die, and whoever runs here may hold the locks that this takes
            self._dropped.put(self._line.close)

    async def _replaced(self) -> str:
        """Say where the fresh worker is. A place with an id is had at once, so that events and model know its id."""
        self._line = None
        if ":" not in self.isolation:
            return "ready"
        try:
            return f"ready in {(await self._connect()).isolation}"
        except SandboxError:
            self._line = None
            return "started for the next program"  # which tries again, and says why it cannot be had

    async def _connect(self) -> Line:
        if self._closed:
            raise SandboxError("this session is closed; open another")
        line = self._line = Line(await self._start())
        if self._closed:  # meanwhile
            raise SandboxError(f"the sandbox did not start: {line.close('its session was closed')}")
        self._codec, self.isolation = HostCodec(), line.isolation
        imports = None if self._spec.imports is None else list(self._spec.imports)
        opening = {"tools": dict(self._spec.tools), "seed": self._spec.seed, "imports": imports}
        try:
            if not line.listens:
                await self._exchange(line, until="hello").run(None)
            await self._exchange(line, until="ready").run(
                {"t": "open", "id": 0, "output": self._limits.output, **opening}, greeting=line.listens
            )
            await self._set(line, self._variables)
        except WireBroken as error:
            raise SandboxError(f"the sandbox did not start: {line.close(str(error))}") from error
        except asyncio.CancelledError:
            line.close("its session was closed")
            raise
        return line

    async def _set(self, line: Line, variables: Mapping[str, Any]) -> None:
        if not variables:
            return
        encoded = {name: self._encoded(name, value) for name, value in variables.items()}
        outcome = await self._exchange(line).run({"t": "set", "id": 0, "vars": encoded})
        if outcome.error:
            raise SandboxError(f"the variables could not be set: {outcome.error}")

    def _encoded(self, name: str, value: Any) -> Any:
        try:
            return self._codec.encode(value)
        except ValueError as error:
            raise UsageError(
                f"the variable {name!r} cannot be given to programs: {error}; "
                "or put it into a file, or behind a tool that reads parts of it"
            ) from error

    def _exchange(self, line: Line, until: str = "done") -> Exchange:
        return Exchange(line, self._codec, self._limits, until=until, timeout=self._limits.start)


def _nobody_waits(opening: asyncio.Task[Line]) -> None:
    """Take the error of a start that nobody has come to wait for: the run has ended before its first program."""
    if not opening.cancelled():
        opening.exception()
