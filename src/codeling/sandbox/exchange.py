"""One command to the worker, and all that comes back until its end. Reads the stream only while it lives."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import os
from collections import deque
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

from ..errors import EndsRun, WireBroken
from ..messages import Image, ToolCall
from ..protocols import OnCall, OnOutput, Outcome
from . import frames
from .aside import Aside
from .calls import Calls, Came, shown
from .inside.patience import PROCESSORS
from .line import Line, SessionLimits
from .values import HostCodec

__all__ = ("Exchange",)

MOST_IMAGES = 8
_FEWEST = 1000
"""Pieces that output may come in, besides one for each KiB and each call and ten for each second: fewer are sent."""
_CHUNK = 1 << 16
_FEW = 1
"""Quick calls of a program that each get a thread; after these a thread reads the wire: it costs more than one call."""
_BACKLOG = 8 << 20
"""Bytes of answers that may wait for the worker; no more calls are read until it has taken them."""


class Exchange:
    """One command and its answer. Made and run on the loop; calls may be served in a thread beside it."""

    def __init__(
        self, line: Line, codec: HostCodec, limits: SessionLimits, *, until: str = "done", step: int = 0,
        timeout: float | None = None, offered: Container[str] = (), on_call: OnCall | None = None,
        on_output: OnOutput | None = None,
    ) -> None:  # fmt: skip
        self._line, self._codec, self._limits = line, codec, limits
        self._until, self._step, self._on_output = until, step, on_output
        self._timeout = timeout or limits.timeout
        self._buffer = frames.Buffer()
        self._batch = bytearray()
        self._held: deque[Came] = deque()
        self._output: list[str] = []
        self._images: list[Image] = []
        self._printed = self._pieces = self._lent = 0
        self._answer: tuple[Any] | None = None
        self._timed_out = self._over = self._paused = False
        self._greeting = False
        """Whether the worker is new, and still has to say so before it answers."""
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[Mapping[str, Any]] = self._loop.create_future()
        self._aside: Aside | None = None
        self._mark: float | None = None
        self._calls = on_call and Calls(
            step=step, offered=offered, codec=codec, on_call=on_call, send=self._send, fail=self._fail_safely
        )

    async def run(self, command: Mapping[str, Any] | None, *, greeting: bool = False) -> Outcome:
        """Send the command and see it through. Raises `WireBroken` where the worker is lost.

        With `greeting`, the worker's first words may come before or after the command is sent.
        """
        self._greeting = greeting
        if command is not None and not greeting:
            self._line.refuse_stale()
        self._line.busy = True
        self._started = self._loop.time()
        timer = self._timer = self._loop.call_later(self._timeout, self._on_deadline)
        try:
            if command is not None:
                self._send(frames.encode(command))
            self._listen()
            done = await self._wait()
        finally:
            self._over, self._line.busy = True, False
            self._timer.cancel()
            timer.cancel()
            if self._calls:
                self._calls.cancel()
            self._deafen()
            self._calls = self._aside = None  # a ring of these would keep the session until the next collection
        return self.outcome(done)

    async def _wait(self) -> Mapping[str, Any]:
        try:
            return await asyncio.shield(self._done)
        except asyncio.CancelledError:
            await self._stop()
            raise
        except WireBroken:
            raise
        except BaseException:
            self._abandon()
            raise

    async def _stop(self) -> None:
        """The run was cancelled: end the program, keep its variables if it ends in time."""
        if self._calls:
            self._calls.cancel()
        self._interrupt()
        with contextlib.suppress(EndsRun, TimeoutError):
            await asyncio.wait_for(self._done, self._limits.grace)
            return
        self._abandon()

    def _interrupt(self) -> None:
        if frame := self._line.interrupt():
            self._send(frames.encode(frame))

    def _abandon(self) -> None:
        self._deafen()
        self._line.close()

    @property
    def _is_aside(self) -> bool:
        """Whether a thread has the wire and what has been read of it."""
        return self._aside is not None and not self._aside.over

    def _listen(self) -> None:
        if not self._paused and not self._is_aside:
            self._loop.add_reader(self._line.reader, self._on_readable)

    def _pause(self) -> None:
        """Read no more while so many answers wait for the worker. A thread may have asked for that before the end."""
        if self._line.open and not self._over:
            self._paused = True
            self._loop.remove_reader(self._line.reader)

    def _deafen(self) -> None:
        """Read and write nothing more here; what is still to be sent goes out with the next command."""
        if self._aside:
            self._aside.end()
        if self._line.open:  # else its descriptors are somebody else's by now
            self._loop.remove_reader(self._line.reader)
            self._loop.remove_writer(self._line.writer)

    def _on_readable(self) -> None:
        try:
            chunk = os.read(self._line.reader, _CHUNK)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            return self._fail(WireBroken(f"its stream broke: {error.strerror}"))
        if not chunk:
            return self._fail(WireBroken("its process ended"))
        return self._take_in(chunk)

    def _take_in(self, chunk: bytes = b"", came: Iterable[Came] = ()) -> None:
        """Act on what has come, as long as its answers do not pile up: first on frames that a thread has read."""
        self._held += came
        try:
            while self._held and not self._paused:
                frame, ready = self._held.popleft()
                self._take(frame, alone=False, ready=ready)
            for frame in self._buffer.feed(chunk):
                if self._paused:
                    self._held.append((frame, None))
                else:
                    self._take(frame, alone=not self._buffer)
            if (self._buffer or self._held) and self._done.done():
                raise WireBroken("protocol error: more came after the program's end")
        except WireBroken as error:
            return self._fail(error)
        if self._buffer.heavy and self._calls and not self._held and not self._paused:
            self._step_aside(self._calls)
        return None

    def _fail(self, error: BaseException) -> None:
        if self._over:
            return
        self._deafen()
        if not self._done.done():
            self._done.set_exception(error)
        else:
            self._line.close(str(error))

    def _fail_safely(self, error: BaseException) -> None:
        """Fail, from any thread."""
        self._on_loop(self._fail, error)

    def _on_loop(self, act: Callable[..., None], *args: Any) -> None:
        if asyncio._get_running_loop() is self._loop:
            act(*args)
        else:
            self._loop.call_soon_threadsafe(act, *args)

    def _take(self, frame: Mapping[str, Any], *, alone: bool, ready: Any = None) -> None:
        """Act on one checked frame; `alone` where nothing came after it yet, `ready` what was made of it elsewhere."""
        kind = frame["t"]
        self._check_turn(kind, frame)
        if kind == "hello" and self._greeting:
            self._greeting = False
        elif kind == self._until:
            self._done.set_result(frame)
        elif kind == "trouble":  # in its place at the start only; a program that sends it ends its own interpreter
            raise WireBroken(f"it could not be sealed: {frames.clean(frame['text'])[: frames.MAX_TEXT]}")
        elif self._calls is None or self._on_output is None:
            raise WireBroken(f"protocol error: unexpected frame {kind!r}")
        elif kind == "call":
            self._take_call(self._calls, ready or self._calls.read(frame), alone)
        elif kind == "out":
            self._take_output(frame["text"], self._on_output)
        elif kind == "image":
            self._take_image(frame["data"])
        elif kind == "final" and self._answer is None:
            self._answer = ready or self._calls.prepare(frame)
            self._timer.cancel()
            self._timer = self._loop.call_later(self._limits.grace, self._on_grace)
        else:
            raise WireBroken(f"protocol error: unexpected frame {kind!r}")

    def _check_turn(self, kind: str, frame: Mapping[str, Any]) -> None:
        if self._done.done():
            raise WireBroken("protocol error: a frame came after the program's end")
        if kind == self._until == "done" and frame["id"] != self._step:
            raise WireBroken(f"protocol error: the end of program {shown(frame['id'])} came, not of {self._step}")
        if self._greeting and kind not in {"hello", "trouble"}:
            raise WireBroken(f"protocol error: {kind!r} came before the first word")

    def _take_call(self, calls: Calls, made: tuple[int, ToolCall], alone: bool) -> None:
        number, call = made
        self._pieces -= 1
        if self._answer:
            calls.refuse(number, "the program has given its final answer")
        elif alone and not calls.active and calls.quick(call.name):
            self._lent += 1
            if self._lent > _FEW:
                self._step_aside(calls, (number, call))
            else:
                calls.lend(number, call)
        else:
            calls.start(number, call)

    def _step_aside(self, calls: Calls, first: tuple[int, ToolCall] | None = None) -> None:
        """Have a thread read the wire for a while, from its first call on; or only this call, if there is no thread."""
        if Aside.possible():
            self._loop.remove_reader(self._line.reader)
            self._aside = Aside(self._line, self._buffer, calls, back=self._take_back, fail=self._fail_safely)
            self._aside.begin(first)
        elif first:
            calls.start(*first)

    def _take_back(self, came: Sequence[Came]) -> None:
        """Read here again, once these frames are taken that a thread has read."""
        if self._over or not self._line.open or (self._done.done() and not came):
            return
        self._listen()
        self._take_in(came=came)

    def _take_output(self, text: str, on_output: OnOutput) -> None:
        self._printed += len(text)
        self._pieces += 1
        if self._printed > self._limits.output or not text:
            raise WireBroken("protocol error: more output than was agreed, or none")
        if self._pieces > _FEWEST and self._pieces > _FEWEST + self._printed / 1024 + 10 * self._lasted():
            raise WireBroken("protocol error: output in smaller pieces than any worker sends")
        self._output.append(text := frames.clean(text))
        on_output(text)

    def _take_image(self, data: str) -> None:
        if len(self._images) >= MOST_IMAGES:
            raise WireBroken("protocol error: more pictures than were agreed")
        try:
            self._images.append(Image(base64.b64decode(data, validate=True)))
        except (binascii.Error, ValueError) as error:
            raise WireBroken("protocol error: a picture that is not base64") from error

    def _send(self, data: bytes) -> None:
        """Send a frame, from any thread, while the program runs."""
        if self._calls and self._calls.active and asyncio._get_running_loop() is self._loop:
            if not self._batch:  # of many calls, more may end in this turn of the loop
                self._loop.call_soon(self._send_batch)
            self._batch += data
        else:
            self._send_now(data)

    def _send_batch(self) -> None:
        data, self._batch = bytes(self._batch), bytearray()
        self._send_now(data)

    def _send_now(self, data: bytes) -> None:
        if not self._done.done() and not self._line.write(data):
            self._on_loop(self._send_later)
            if self._line.waiting > _BACKLOG:
                self._on_loop(self._pause)

    def _send_later(self) -> None:
        if self._line.open and not self._over:
            self._loop.add_writer(self._line.writer, self._on_writable)

    def _on_writable(self) -> None:
        if self._line.write():
            self._loop.remove_writer(self._line.writer)
        if self._paused and self._line.waiting <= _BACKLOG:
            self._paused = False
            if not self._is_aside:  # else it is taken in when the thread gives it back
                self._listen()
                self._take_in()

    def _lasted(self) -> float:
        return self._loop.time() - self._started

    def _on_deadline(self) -> None:
        active = bool(self._calls and self._calls.active)
        own = self._lasted() - (self._calls.idle() if self._calls else 0.0)
        left = self._timeout - own
        if (left > 0 or active) and self._beside(own) <= self._timeout:
            self._timer = self._loop.call_later(max(left, 0.05), self._on_deadline)
            return
        self._timed_out = True
        self._interrupt()
        self._timer = self._loop.call_later(self._limits.grace, self._on_grace)

    def _beside(self, own: float) -> float:
        """Seconds for which the worker has computed while it may have waited for calls, since its time was first up."""
        mark: float = self._line.computed() - own * PROCESSORS
        if self._mark is None:
            self._mark = mark
        return mark - self._mark

    def _on_grace(self) -> None:
        why = f"the program ran longer than {self._timeout:g} s and did not stop when interrupted"
        self._fail(WireBroken("the program did not end after its final answer" if self._answer else why))

    def outcome(self, done: Mapping[str, Any]) -> Outcome:
        """What is known of the program, given its last frame."""
        error, value = (part and frames.clean(part) for part in (done.get("err"), done.get("val")))
        if self._timed_out and error and self._line.open:
            error = (
                f"TimeoutError: the program was interrupted after {self._timeout:g} s; its variables are kept.\n{error}"
            )
        return Outcome(
            output="".join(self._output), size=done.get("size", 0), value=value, images=tuple(self._images),
            error=None if self._answer else error, final=self._answer is not None,
            answer=self._answer[0] if self._answer else None, lines=tuple((a, b) for a, b in done.get("lines", ())),
        )  # fmt: skip
