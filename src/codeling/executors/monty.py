"""Programs in Monty: an interpreter of its own for a subset of Python, in a worker process, on every platform.

By the `pydantic-monty` package (https://github.com/pydantic/monty). There is no CPython inside and no call of
the operating system but those of that interpreter, so it needs no wall of this machine's; how far that
holds is Monty's promise and not ours. Missing there: third-party packages, most of the standard library,
class inheritance, generators, threads. Programs of models often fail on it: use `SandboxExecutor` where you can.
"""

from __future__ import annotations

import ast
import asyncio
import itertools
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from ..errors import EndsRun, MissingDependency, SandboxError, ToolError
from ..lookup import Recorded, load
from ..messages import ToolCall
from ..protocols import OnCall, OnOutput, Outcome, SessionSpec

__all__ = ("MontyExecutor",)

_SWALLOWED = 100
"""How often a program may catch the end that its final answer brings before it is given up."""


class MontyExecutor(Recorded):
    """Runs programs in Monty, a subset of Python without CPython."""

    def __init__(
        self, *, memory: int = 256 << 20, timeout: float = 30.0, output_limit: int = 1 << 20, sessions: int = 64
    ) -> None:
        """Set what every session gets: bytes of memory, seconds of a program's own running, bytes of output.

        `sessions` is how many there may be at once. Raises `MissingDependency` without the library.
        """
        self._library = _library()
        self._limits = {"max_memory": memory, "max_feed_duration_secs": timeout, "max_suspensions": 10**9}
        self._output, self._sessions = output_limit, sessions
        self._lock = threading.Lock()
        self._pool: Any = None

    async def open(self, spec: SessionSpec, /) -> _Session:
        """Start an interpreter. Raises `SandboxError` where it cannot be had."""
        session = _Session(self._library, self._checkout, spec, self._output)
        await session.begin()
        return session

    def _checkout(self, spec: SessionSpec, policy: Mapping[str, Any]) -> Any:
        with self._lock:
            if self._pool is None:
                pool = self._library.Monty(max_processes=self._sessions)
                pool.__enter__()
                weakref.finalize(self, pool.__exit__, None, None, None)
                self._pool = pool
        own = {"random_start": {"seed": spec.seed}, **policy}
        session = self._pool.checkout(limits=self._limits, os_policy=own)
        session.__enter__()
        return session


class _Session:
    """One interpreter of Monty's. A fresh one follows whenever the last one was lost."""

    isolation = "monty"

    def __init__(
        self, library: Any, checkout: Callable[[SessionSpec, Mapping[str, Any]], Any], spec: SessionSpec, output: int
    ) -> None:
        self._library, self._checkout, self._spec, self._limit = library, checkout, spec, output
        self._inner: Any = None
        self._variables: dict[str, Any] = {}
        self._steps: list[int] = []
        self.outputs: dict[int, str] = {}
        self._closed = False
        self.clock: float | None = None
        """The time at which the next program ran first, where it runs again."""
        self._policy: dict[str, Any] = {}

    async def begin(self) -> None:
        """Check an interpreter out of the pool."""
        if self._closed:
            raise SandboxError("this session is closed; open another")
        try:
            self._inner = await _in_thread(lambda: self._checkout(self._spec, self._policy))
        except (self._library.MontyError, OSError, RuntimeError) as error:
            raise SandboxError(f"Monty did not start: {error}") from error
        self._steps.clear()

    async def assign(self, variables: Mapping[str, Any], /) -> None:
        """Set variables in the program's world. Raises `SandboxError` for values that Monty cannot hold."""
        self._variables.update(variables)
        try:
            await _in_thread(lambda: self._inner.feed_run("None", inputs=self._variables))
        except (self._library.MontyError, TypeError, ValueError) as error:
            raise SandboxError(f"the variables could not be set: {error}") from error
        self._steps.append(0)

    async def run(self, code: str, /, *, step: int, on_call: OnCall, on_output: OnOutput) -> Outcome:
        """Run one program to its end, as `protocols.Session.run` says."""
        clock, self.clock = self.clock, None
        if clock is not None and not any(self._steps) and not self._policy:
            # Only then: each look at the clock costs a call of ours.
            self._policy = {"datetime": "call_host", "timezone": "UTC"}
            self._lose()
        if self._inner is None:
            await self.begin()
            if self._variables:
                await self.assign({})
        self._steps.append(step)
        feed = _Feed(
            self._library, self._inner, self._spec, step=step, on_call=on_call, on_output=on_output,
            limit=self._limit, outputs=self.outputs, shift=0.0 if clock is None else clock - time.time(),
        )  # fmt: skip
        try:
            value, error = await feed.run(code), None
        except self._library.MontyError as raised:
            value, error = None, self._error(raised)
        except EndsRun:
            self._lose()
            raise
        except asyncio.CancelledError:
            self._lose()
            raise
        lost = feed.given_up or (error is not None and self._is_lost(error))
        if lost:
            self._lose()
            error = f"The interpreter was lost: {error or 'it went on'}. All variables are gone; a fresh one is ready."
        self.outputs[step] = feed.whole
        shown = None if value is None else repr(value)
        return Outcome(
            output=feed.shown, size=len(feed.whole.encode()), value=shown, error=None if feed.answer else error,
            final=feed.answer is not None, answer=feed.answer[0] if feed.answer else None, lost=lost,
        )  # fmt: skip

    def close(self) -> None:
        """End the interpreter and free what it held."""
        self._closed = True
        self._lose()

    def __del__(self) -> None:
        self.close()

    def _lose(self) -> None:
        inner, self._inner = self._inner, None
        if inner is not None:
            with suppress(self._library.MontyError, RuntimeError):
                inner.__exit__(None, None, None)

    def _is_lost(self, error: str) -> bool:
        """Whether the interpreter cannot go on: Monty promises nothing about one that its time limit stopped."""
        return "time limit exceeded" in error or error.startswith("MontyCrashed")

    def _error(self, error: Any) -> str:
        """The error as a short traceback with the program's own lines."""
        if isinstance(error, self._library.MontyCrashedError):
            return f"MontyCrashed: {error}"
        lines = []
        for frame in getattr(error, "traceback", list)():
            number = frame.filename.removeprefix("<python-input-").rstrip(">")
            step = self._steps[int(number)] if number.isdigit() and int(number) < len(self._steps) else number
            lines += [f"  <step {step}>, line {frame.line}, in {frame.function_name or '<module>'}"]
            lines += [f"    {frame.source_line.strip()}"] if frame.source_line else []
        name = "SyntaxError: " if isinstance(error, self._library.MontySyntaxError) else ""
        return "\n".join(["Traceback (most recent call last):", *lines, f"{name}{error}"])


class _Feed:
    """One program on its way through Monty: it stops at each call, name and awaited result, and is answered."""

    def __init__(
        self, library: Any, inner: Any, spec: SessionSpec, *, step: int, on_call: OnCall, on_output: OnOutput,
        limit: int, outputs: Mapping[int, str], shift: float,
    ) -> None:  # fmt: skip
        self._library, self._inner, self._spec, self._step = library, inner, spec, step
        self._on_call, self._on_output, self._limit, self._outputs = on_call, on_output, limit, outputs
        self._loop, self._shift = asyncio.get_running_loop(), shift
        self._tasks: dict[int, asyncio.Task[Any]] = {}
        self._awaited: frozenset[tuple[int, int]] = frozenset()
        self._ended = 0
        self.whole = self.shown = ""
        self.answer: tuple[Any] | None = None
        self.given_up = False

    async def run(self, code: str) -> Any:
        """See the program through; gives the value of its last expression."""
        self._awaited = _awaited_calls(code)
        try:
            state = await _in_thread(lambda: self._inner.feed_start(code, print_callback=self._print))
            while not isinstance(state, self._library.MontyComplete):
                if self._ended > _SWALLOWED:
                    self.given_up = True
                    return None
                state = await self._answer(state)
            return state.output
        finally:
            for task in self._tasks.values():
                task.cancel()

    async def _answer(self, state: Any) -> Any:
        if isinstance(state, self._library.NameLookupSnapshot):
            return await self._name(state)
        if isinstance(state, self._library.FutureSnapshot):
            return await self._futures(state)
        if state.is_os_function:
            told = self._time(str(state.function_name), *state.args)
            return await _in_thread(state.resume_not_handled if told is None else lambda: state.resume(told))
        name = str(state.function_name)
        if name == "display":
            self._print("stdout", " ".join(map(str, state.args)) + "\n")
            return await _in_thread(lambda: state.resume({"return_value": None}))
        if name == "final_answer" and self.answer is None:
            self.answer = (next(iter((*state.args, *state.kwargs.values())), None),)
        if self.answer is not None:
            self._ended += 1
            return await _in_thread(lambda: state.resume({"exception": SystemExit("the task has its answer")}))
        if name not in self._spec.tools:
            missing = NameError(f"name {name!r} is not defined")
            return await _in_thread(lambda: state.resume({"exception": missing}))
        return await self._call(state, name)

    def _time(self, name: str, what: Any = None, *rest: Any) -> dict[str, Any] | None:
        """Answer what asks for the time; None for what does not."""
        now = time.time() + self._shift
        if name == "datetime.now":
            utc = datetime.fromtimestamp(now, UTC)
            return {"return_value": utc.replace(tzinfo=None) if what is None else utc.astimezone(what)}
        if name == "date.today":
            return {"return_value": datetime.fromtimestamp(now, UTC).date()}
        if name == "time.time":
            passing = str(what).startswith(("time.monotonic", "time.perf_counter"))
            return {"return_value": time.monotonic() if passing else now}
        return None

    async def _call(self, state: Any, name: str) -> Any:
        number = f"{self._step}.{state.call_id}.{next(_serial)}"
        call = ToolCall(id=number, name=name, args=tuple(state.args), kwargs=dict(state.kwargs))
        work = self._serve(self._on_call(call))
        if (state.position.start, state.position.end) in self._awaited:
            self._tasks[state.call_id] = self._loop.create_task(work)
            return await _in_thread(lambda: state.resume({"future": ...}))
        return await self._resume(state, await work)

    async def _serve(self, work: Awaitable[Any]) -> dict[str, Any]:
        try:
            return {"return_value": await work}
        except ToolError as error:
            return {"exception": RuntimeError(str(error))}

    async def _resume(self, state: Any, result: dict[str, Any], number: int | None = None) -> Any:
        """Answer a call, or of those that are awaited the one of this number."""
        try:
            return await _in_thread(lambda: state.resume(result if number is None else {number: result}))
        except self._library.MontyRuntimeError as error:
            if "Cannot convert" not in str(error) or "return_value" not in result:
                raise
            told = RuntimeError(f"ToolError: the result cannot cross into Monty: {error}")
            return await self._resume(state, {"exception": told}, number)

    async def _futures(self, state: Any) -> Any:
        waiting = [self._tasks[number] for number in state.pending_call_ids]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        number, task = next((n, self._tasks[n]) for n in state.pending_call_ids if self._tasks[n].done())
        return await self._resume(state, task.result(), number)

    async def _name(self, state: Any) -> Any:
        name = state.variable_name
        if name in self._spec.tools or name in ("final_answer", "display"):
            return await _in_thread(lambda: state.resume(value=_named(name)))
        if name == "outputs":
            return await _in_thread(lambda: state.resume(value=dict(self._outputs)))
        return await _in_thread(state.resume)

    def _print(self, stream: str, text: str) -> None:
        self.whole += text[: max(0, (16 << 20) - len(self.whole))]
        left = self._limit - len(self.shown.encode())
        if left > 0:
            piece = text.encode()[:left].decode("utf-8", "ignore")
            self.shown += piece
            self._loop.call_soon_threadsafe(self._on_output, piece)


_serial = itertools.count(1)


def _named(name: str) -> Callable[..., None]:
    """A function of this name: Monty hands its calls over and never runs it."""

    def function(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("called on the wrong side")

    function.__name__ = function.__qualname__ = name
    return function


def _awaited_calls(code: str) -> frozenset[tuple[int, int]]:
    """Where in the program, in bytes, something is called in a position that wants an awaitable."""
    awaited = load("codeling.sandbox.inside.awaiting:awaited")
    try:
        tree = awaited(ast.parse(code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()  # Monty will say what is wrong
    starts = [0, *itertools.accumulate(len(line.encode()) for line in code.splitlines(keepends=True))]
    return frozenset(
        (starts[node.lineno - 1] + node.col_offset, starts[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Call)
        and isinstance(node.func.func, ast.Name)
        and node.func.func.id == "__awaitable__"
    )


async def _in_thread(work: Callable[[], Any]) -> Any:
    return await load("codeling.sync.threads:in_thread")(work)


def _library() -> Any:
    try:
        import pydantic_monty
    except ImportError as error:
        raise MissingDependency("MontyExecutor needs a library: pip install 'codeling[monty]'") from error
    return pydantic_monty
