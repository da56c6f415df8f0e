"""Our end of the wire: sends programs, serves calls, collects output, and trusts nothing it reads.

Whatever arrives is hostile until it is checked. A frame that no honest worker would send ends the
session; the program's variables are gone then, the run goes on with a fresh interpreter. Nothing
that arrives between two programs is obeyed. What this file cannot do is contain the process behind
the wire: that is the wall's work.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import itertools
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

from ..errors import EndsRun, SandboxError, ToolError, WireBroken
from ..messages import Image, ToolCall
from ..protocols import OnCall, OnOutput, Outcome, SessionSpec
from . import frames
from .values import HostCodec

__all__ = ("Connection", "SessionLimits", "Start", "WireSession")

MOST_CALLS_AT_ONCE = 10_000
MOST_IMAGES = 8


class Connection(Protocol):
    """A started worker: two streams of bytes, and ways to stop it."""

    reader: int
    """A non-blocking descriptor that frames are read from."""
    writer: int
    """A non-blocking descriptor that frames are written to; may be the same."""
    isolation: str

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the program. Must not raise when the worker is gone."""
        ...

    def kill(self) -> None:
        """End the worker and all that it started, close the descriptors, remove its folder. Idempotent."""
        ...

    def trouble(self) -> str | None:
        """After the stream ended: why, where it is known."""
        ...


Start: TypeAlias = Callable[[], Awaitable[Connection]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """What one program may take."""

    timeout: float = 30.0
    """Seconds of the program's own running; waiting for tools is not counted."""
    grace: float = 1.0
    """Seconds that an interrupted program gets before it is killed with its variables."""
    output: int = 1 << 20
    """Bytes of output that cross the wire; the program keeps the rest."""
    start: float = 60.0
    """Seconds that the worker may take to start."""


class WireSession:
    """A session over any connection. Opens a fresh worker whenever the last one was lost."""

    def __init__(self, start: Start, spec: SessionSpec, limits: SessionLimits) -> None:
        self._start, self._spec, self._limits = start, spec, limits
        self._connection: Connection | None = None
        self._codec = HostCodec()
        self._variables: dict[str, Any] = {}
        self._closed = False
        self.isolation = "none"

    @classmethod
    async def open(cls, start: Start, spec: SessionSpec, *, limits: SessionLimits | None = None) -> WireSession:
        """Start a worker and greet it. Raises `SandboxError`."""
        session = cls(start, spec, limits or SessionLimits())
        await session._connect()
        return session

    async def assign(self, variables: Mapping[str, Any], /) -> None:
        """Set variables in the program's world, also in the worker that may follow a lost one."""
        self._variables.update(variables)
        if self._connection is None:
            await self._connect()
        else:
            await self._set(self._variables)

    async def run(self, code: str, /, *, step: int, on_call: OnCall, on_output: OnOutput) -> Outcome:
        """Run one program to its end, as `protocols.Session.run` says."""
        if self._connection is None:
            await self._connect()
        exchange = _Exchange(self, on_call=on_call, on_output=on_output, step=step)
        try:
            return await exchange.run({"t": "exec", "id": step, "src": code})
        except WireBroken as error:
            told = f"The interpreter was lost: {self.lose(str(error))}. All variables are gone; a fresh one is ready."
            return replace(exchange.outcome({"err": told}), lost=True)

    def close(self) -> None:
        """End the worker and free what it held."""
        self._closed = True
        if self._connection:
            self._connection.kill()
            self._connection = None

    def __del__(self) -> None:
        self.close()

    def lose(self, why: str) -> str:
        """Give the worker up; the next program gets a fresh one. Gives the reason as far as it is known."""
        if self._connection:
            self._connection.kill()
            why = self._connection.trouble() or why
            self._connection = None
        return why

    async def _connect(self) -> None:
        if self._closed:
            raise SandboxError("this session is closed; open another")
        self._connection = await self._start()
        self._codec = HostCodec()
        self.isolation = self._connection.isolation
        try:
            await _Exchange(self, until="hello", timeout=self._limits.start).run(None)
            imports = None if self._spec.imports is None else list(self._spec.imports)
            opening = {"tools": dict(self._spec.tools), "seed": self._spec.seed, "imports": imports}
            await _Exchange(self, until="ready", timeout=self._limits.start).run(
                {"t": "open", "id": 0, "output": self._limits.output, **opening}
            )
            await self._set(self._variables)
        except WireBroken as error:
            raise SandboxError(f"the sandbox did not start: {self.lose(str(error))}") from error

    async def _set(self, variables: Mapping[str, Any]) -> None:
        if not variables:
            return
        encoded = {name: self._codec.encode(value) for name, value in variables.items()}
        outcome = await _Exchange(self, timeout=self._limits.start).run({"t": "set", "id": 0, "vars": encoded})
        if outcome.error:
            raise SandboxError(f"the variables could not be set: {outcome.error}")


class _Exchange:
    """One command and all that comes back until its end. Reads the stream only while it lives."""

    def __init__(
        self, session: WireSession, *, until: str = "done", step: int = 0, timeout: float | None = None,
        on_call: OnCall | None = None, on_output: OnOutput | None = None,
    ) -> None:  # fmt: skip
        assert session._connection is not None  # connected by the caller
        self._session, self._connection = session, session._connection
        self._limits, self._codec = session._limits, session._codec
        self._until, self._step = until, step
        self._on_call, self._on_output = on_call, on_output
        self._timeout = timeout or self._limits.timeout
        self._buffer, self._unsent = frames.Buffer(), bytearray()
        self._output: list[str] = []
        self._images: list[Image] = []
        self._printed = 0
        self._blocked = False
        self._last_call = 0
        self._answer: tuple[Any] | None = None
        self._timed_out = False
        self._calls: set[asyncio.Task[None]] = set()
        self._idle_since, self._idle = 0.0, 0.0
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[Mapping[str, Any]] = self._loop.create_future()

    async def run(self, command: Mapping[str, Any] | None) -> Outcome:
        """Send the command and see it through."""
        self._refuse_stale(expecting=command is None)
        self._loop.add_reader(self._connection.reader, self._on_readable)
        self._started = self._loop.time()
        timer = self._timer = self._loop.call_later(self._timeout, self._on_deadline)
        try:
            if command is not None:
                self._send(command)
            done = await self._wait()
        finally:
            self._timer.cancel()
            timer.cancel()
            for task in self._calls:
                task.cancel()
            if self._session._connection is self._connection:  # else it is closed already
                self._loop.remove_reader(self._connection.reader)
                self._loop.remove_writer(self._connection.writer)
        return self.outcome(done)

    async def _wait(self) -> Mapping[str, Any]:
        try:
            return await asyncio.shield(self._done)
        except asyncio.CancelledError:
            await self._stop()
            raise
        except WireBroken:
            raise
        except EndsRun:
            self._abandon()
            raise

    async def _stop(self) -> None:
        """The run was cancelled: end the program, keep its variables if it ends in time."""
        for task in self._calls:
            task.cancel()
        self._connection.interrupt()
        with contextlib.suppress(EndsRun, TimeoutError):
            await asyncio.wait_for(self._done, self._limits.grace)
            return
        self._abandon()

    def _abandon(self) -> None:
        self._loop.remove_reader(self._connection.reader)
        self._loop.remove_writer(self._connection.writer)
        self._session.lose("the run ended")

    def _refuse_stale(self, *, expecting: bool) -> None:
        """Refuse what arrived while no program ran."""
        if expecting:
            return
        with contextlib.suppress(BlockingIOError):
            if os.read(self._connection.reader, 1):
                raise WireBroken("protocol error: data arrived while no program was running")
            raise WireBroken("its process ended")

    def _on_readable(self) -> None:
        try:
            chunk = os.read(self._connection.reader, 1 << 18)
            if not chunk:
                raise WireBroken("its process ended")
            for frame in self._buffer.feed(chunk):
                if self._done.done():
                    raise WireBroken("protocol error: a frame came after the program's end")
                self._take(frame)
        except (BlockingIOError, InterruptedError):
            return
        except WireBroken as error:
            self._fail(error)
        except OSError as error:
            self._fail(WireBroken(f"its stream broke: {error.strerror}"))

    def _fail(self, error: EndsRun) -> None:
        self._loop.remove_reader(self._connection.reader)
        self._loop.remove_writer(self._connection.writer)
        if not self._done.done():
            self._done.set_exception(error)
        else:
            self._session.lose(str(error))

    def _take(self, frame: Mapping[str, Any]) -> None:
        """Act on one checked frame."""
        kind = frame["t"]
        if kind == self._until == "done":
            if frame["id"] != self._step:
                raise WireBroken(f"protocol error: the end of program {frame['id']} came, not of {self._step}")
            self._done.set_result(frame)
        elif kind == self._until:
            self._done.set_result(frame)
        elif self._on_call is None or self._on_output is None:
            raise WireBroken(f"protocol error: unexpected frame {kind!r}")
        elif kind == "call":
            self._take_call(frame)
        elif kind == "out":
            self._printed += len(frame["text"])
            if self._printed > self._limits.output:
                raise WireBroken("protocol error: more output than was agreed")
            self._output.append(frame["text"])
            self._on_output(frame["text"])
        elif kind == "image":
            self._take_image(frame["data"])
        elif kind == "final" and self._answer is None:
            self._answer = (self._codec.decode(frame["val"]),)
            self._timer.cancel()
            self._timer = self._loop.call_later(self._limits.grace, self._on_grace)
        else:
            raise WireBroken(f"protocol error: unexpected frame {kind!r}")

    def _take_image(self, data: str) -> None:
        if len(self._images) >= MOST_IMAGES:
            raise WireBroken("protocol error: more pictures than were agreed")
        try:
            self._images.append(Image(base64.b64decode(data, validate=True)))
        except (binascii.Error, ValueError) as error:
            raise WireBroken("protocol error: a picture that is not base64") from error

    def _take_call(self, frame: Mapping[str, Any]) -> None:
        number, name = frame["id"], frame["name"]
        if number <= self._last_call:
            raise WireBroken(f"protocol error: call id {number} came again")
        if name not in self._session._spec.tools:
            raise WireBroken(f"protocol error: a call of {name[:80]!r}, which was never offered")
        if len(self._calls) >= MOST_CALLS_AT_ONCE:
            raise WireBroken(f"protocol error: more than {MOST_CALLS_AT_ONCE} calls at once")
        self._last_call = number
        args = tuple(self._codec.decode(arg) for arg in frame["args"])
        kwargs = {key: self._codec.decode(value) for key, value in frame["kw"].items()}
        call = ToolCall(id=f"{self._step}.{number}.{next(_serial)}", name=name, args=args, kwargs=kwargs)
        if not self._calls:
            self._idle_since = self._loop.time()
        task = _start(self._loop, self._serve(number, call))
        self._calls.add(task)
        if task.done():
            self._served(task)
        else:
            task.add_done_callback(self._served)

    async def _serve(self, number: int, call: ToolCall) -> None:
        assert self._on_call is not None  # checked before
        try:
            value = await self._on_call(call)
            reply = {"t": "ret", "id": number, "val": self._codec.encode(value)}
        except ToolError as error:
            reply = {"t": "ret", "id": number, "err": str(error)}
        except ValueError as error:
            reply = {"t": "ret", "id": number, "err": f"ToolError: the result of {call.name!r} cannot cross: {error}"}
        except EndsRun as error:
            return self._fail(error)
        if not self._done.done():
            self._send(reply)
        return None

    def _served(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        if not self._calls:
            self._idle += self._loop.time() - self._idle_since
        if not task.cancelled() and (error := task.exception()) and not self._done.done():
            self._done.set_exception(error)

    def _send(self, frame: Mapping[str, Any]) -> None:
        waiting = bool(self._unsent)
        self._unsent += frames.encode(frame)
        if not waiting:
            self._on_writable()

    def _on_writable(self) -> None:
        try:
            sent = os.write(self._connection.writer, self._unsent)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            return self._unsent.clear()  # the reader will see the end of the stream
        del self._unsent[:sent]
        if self._unsent and not self._blocked:
            self._loop.add_writer(self._connection.writer, self._on_writable)
        elif self._blocked and not self._unsent:
            self._loop.remove_writer(self._connection.writer)
        self._blocked = bool(self._unsent)
        return None

    def _on_deadline(self) -> None:
        now = self._loop.time()
        idle = self._idle + (now - self._idle_since if self._calls else 0.0)
        left = self._timeout - (now - self._started - idle)
        if left > 0 or self._calls:
            self._timer = self._loop.call_later(max(left, 0.05), self._on_deadline)
            return
        self._timed_out = True
        self._connection.interrupt()
        self._timer = self._loop.call_later(self._limits.grace, self._on_grace)

    def _on_grace(self) -> None:
        why = f"the program ran longer than {self._timeout:g} s and did not stop when interrupted"
        self._fail(WireBroken("the program did not end after its final answer" if self._answer else why))

    def outcome(self, done: Mapping[str, Any]) -> Outcome:
        """What is known of the program, given its last frame."""
        error = done.get("err")
        if self._timed_out and error and self._session._connection is self._connection:
            error = (
                f"TimeoutError: the program was interrupted after {self._timeout:g} s; its variables are kept.\n{error}"
            )
        return Outcome(
            output="".join(self._output), size=done.get("size", 0), value=done.get("val"), images=tuple(self._images),
            error=None if self._answer else error, final=self._answer is not None,
            answer=self._answer[0] if self._answer else None,
        )  # fmt: skip


_serial = itertools.count(1)


def _start(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start a task at once, where Python can: a quick call then needs no further turn of the loop."""
    if sys.version_info >= (3, 12):
        return asyncio.Task(work, loop=loop, eager_start=True)
    return loop.create_task(work)
