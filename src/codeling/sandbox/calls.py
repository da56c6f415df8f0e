"""The calls of one program: checked, started and answered, on the loop or in the thread that reads the wire."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import time
from collections.abc import Callable, Container, Coroutine, Mapping
from typing import Any, TypeAlias

from ..errors import EndsRun, ToolError, WireBroken
from ..lookup import load
from ..messages import ToolCall
from ..protocols import OnCall
from . import frames
from .values import HostCodec

__all__ = ("Calls", "Came")

Came: TypeAlias = tuple[Mapping[str, Any], Any]
"""A frame, and what `Calls.prepare` made of it."""

MOST_AT_ONCE, MOST_CARRIED = 10_000, 512 << 20
"""Calls of one program at once, and bytes of memory that the arguments of all its calls take: the host keeps them."""
_RECORD = 1 << 10
"""Bytes of memory for what the host records of each call besides, also of one that fits no tool and is not charged."""
_TOO_MUCH = (
    f"ToolError: the calls of this program have carried more than {MOST_CARRIED >> 20} MiB in all; it can call nothing "
    "any more, the next program can"
)
_serial = itertools.count(1)


class Calls:
    """Takes the calls of one program. `send` and `fail` may be called from any thread."""

    def __init__(
        self, *, step: int, offered: Container[str], codec: HostCodec, on_call: OnCall,
        send: Callable[[bytes], None], fail: Callable[[BaseException], None],
    ) -> None:  # fmt: skip
        self._step, self._offered, self._codec, self._on_call = step, offered, codec, on_call
        self._send, self._fail = send, fail
        self._anywhere: Callable[[str], bool] = getattr(on_call, "anywhere", lambda name: False)
        self._quick: set[str] = set()
        self._loop, self._context = asyncio.get_running_loop(), contextvars.copy_context()
        self._begin = load("codeling.sync.eager:start")
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: set[int] = set()
        self._last = self._carried = 0
        self._over = False
        self._idle_since, self._idle = 0.0, 0.0

    def quick(self, name: str) -> bool:
        """Whether calls of this tool can be made in a thread from their beginning to their end."""
        if name not in self._quick:
            if not self._anywhere(name):
                return False
            self._quick.add(name)  # it stays so for the program
        return True

    @property
    def active(self) -> int:
        """How many are under way."""
        return len(self._open)

    def idle(self) -> float:
        """Seconds for which the program may have waited for calls."""
        return self._idle + (time.monotonic() - self._idle_since if self._open else 0.0)

    def read(self, frame: Mapping[str, Any]) -> tuple[int, ToolCall]:
        """Give the call that a frame asks for, and its number. Raises `WireBroken`."""
        number, name = frame["id"], frame["name"]
        if number <= self._last:
            raise WireBroken(f"protocol error: call id {shown(number)} came again")
        if name not in self._offered:
            raise WireBroken(f"protocol error: a call of {name[:80]!r}, which was never offered")
        if len(self._open) >= MOST_AT_ONCE:
            raise WireBroken(f"protocol error: more than {MOST_AT_ONCE} calls at once")
        if number >= 1 << 62:
            raise WireBroken("protocol error: a call id that no worker counts up to")
        self._last, decode = number, self._codec.decode
        self._carried += frame["cost"] + _RECORD
        args = tuple([decode(arg) for arg in frame["args"]])
        kwargs = {key: decode(value) for key, value in frame["kw"].items()} if frame["kw"] else {}
        call_id, line = f"{self._step}.{number}.{next(_serial)}", frame.get("line", 0)
        return number, ToolCall(id=call_id, name=name, args=args, kwargs=kwargs, line=line)

    def prepare(self, frame: Mapping[str, Any]) -> Any:
        """Read the values of a frame that has some: they may be large, and the loop has other things to do."""
        if frame["t"] == "final":
            return (self._codec.decode(frame["val"]),)
        return self.read(frame) if frame["t"] == "call" else None

    def start(self, number: int, call: ToolCall) -> None:
        """Make a call in a task of the loop."""
        self._enter(number)
        self._watch(self._begin(self._loop, self._serve(number, call), self._context))

    def refuse(self, number: int, why: str) -> None:
        """Answer a call without making it."""
        self._send(frames.encode({"t": "ret", "id": number, "err": f"ToolError: {why}"}))

    def lend(self, number: int, call: ToolCall) -> None:
        """Have a thread make a call that can be made in one."""
        self._enter(number)
        load("codeling.sync.threads:pool")().submit(self._drive, number, call)

    def drive(self, number: int, call: ToolCall) -> bool:
        """Make a call in this thread. False where it went on to the loop, because something in it must be awaited."""
        self._enter(number)
        return self._drive(number, call)

    def _drive(self, number: int, call: ToolCall) -> bool:
        if self._over:  # it waited for a thread until its program had ended
            self._leave(number)
            return True
        context, work = self._context.copy(), self._serve(number, call)
        try:
            context.run(work.send, None)
        except StopIteration:
            return True
        except BaseException as error:  # noqa: BLE001  # foreign code: what is no Exception ends the run, as it would on the loop
            self._fail(error)
            return True
        self._loop.call_soon_threadsafe(self._adopt, work, context)
        return False

    def cancel(self) -> None:
        """Give up on all that is under way, and begin nothing. A thread's work goes on, but nobody hears of it."""
        self._over = True
        for task in tuple(self._tasks):
            task.cancel()

    def _adopt(self, work: Coroutine[Any, Any, None], context: contextvars.Context) -> None:
        task = self._loop.create_task(work, context=context)
        if self._over:
            task.cancel()
        self._watch(task)

    def _watch(self, task: asyncio.Task[None]) -> None:
        if task.done():
            self._served(task)
            return
        self._tasks.add(task)
        task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            if not self._over:  # by nobody here; the program would wait for its answer for ever
                self._fail(
                    RuntimeError("a call was cancelled from within: its policy or approver raised CancelledError")
                )
        elif error := task.exception():
            self._fail(error)

    async def _serve(self, number: int, call: ToolCall) -> None:
        """Make the call and send its answer."""
        reply: dict[str, Any] = {"t": "ret", "id": number}
        try:
            if self._carried > MOST_CARRIED:
                raise ToolError(_TOO_MUCH)
            reply |= self._given(call, await self._on_call(call))
        except ToolError as error:
            reply["err"] = str(error)
        except EndsRun as error:
            return self._fail(error)
        finally:
            self._leave(number)
        return self._send(frames.encode(reply))

    def _given(self, call: ToolCall, value: Any) -> dict[str, Any]:
        try:
            return {"val": self._codec.encode(value)}
        except ValueError as error:
            return {"err": f"ToolError: the result of {call.name!r} cannot cross: {error}"}

    def _enter(self, number: int) -> None:
        if not self._open:
            self._idle_since = time.monotonic()
        self._open.add(number)

    def _leave(self, number: int) -> None:
        self._open.discard(number)
        if not self._open:
            self._idle += time.monotonic() - self._idle_since


def shown(number: int) -> str:
    """Give a number from outside as text that is never long."""
    return str(number) if number.bit_length() < 64 else "of more than 64 bits"
