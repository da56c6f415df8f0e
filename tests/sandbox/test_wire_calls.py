"""Calls that are served in the thread that reads the wire mean what calls on the loop mean."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Awaitable
from typing import Any

import pytest

from codeling import CodeAgent, tool
from codeling.events import ToolCallFinished
from codeling.limits import Limits
from codeling.testing import ScriptedModel

who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")
threads: set[str] = set()


@tool
def quick(number: int) -> int:
    """Give the next number."""
    threads.add(threading.current_thread().name)
    return number + 1


@tool
def asked() -> str:
    """Say who asks, and change it for itself."""
    before = who.get()
    who.set("somebody else")
    return before


@tool
def slow(number: int) -> int:
    """Give the number back after a while, blocking a thread."""
    time.sleep(0.3)
    return number


@tool
def promised(number: int) -> Awaitable[int]:
    """Give the number, later: a plain function that gives a coroutine."""

    async def later() -> int:
        await asyncio.sleep(0)
        return number

    return later()


@tool
def inner(number: int) -> Any:
    """Have another agent work on it."""
    model = ScriptedModel([f"```python\nfinal_answer(quick({number}))\n```"])
    with CodeAgent([quick], model) as agent:
        return agent.run("Count.")


def answer(code: str, **options: Any) -> Any:
    """Give what a program answers."""
    tools = [quick, asked, slow, promised, inner]
    with CodeAgent(tools, ScriptedModel([f"```python\n{code}\n```"]), max_steps=1, **options) as agent:
        return agent.run("Go.")


def test_calls_one_after_the_other_mean_what_they_mean_on_the_loop() -> None:
    """Values, errors, contexts, promises and agents within tools are the same for every call of a long row."""
    code = """
def failing(n):
    try:
        quick("x")
    except RuntimeError as error:
        return "not an int" in str(error)
row = [quick(n) for n in range(200)]
final_answer([row == list(range(1, 201)), failing(1), asked(), asked(), promised(5), quick(6), inner(7), slow(8), quick(9)])
"""
    token = who.set("the caller")
    try:
        assert answer(code) == [True, True, "the caller", "the caller", 5, 7, 8, 8, 10]
    finally:
        who.reset(token)


def test_no_plain_tool_runs_on_the_loop() -> None:
    """Each runs in a thread for tools, and a long row of calls does not keep the loop from its work."""
    threads.clear()
    turns: list[float] = []

    async def work() -> Any:
        async def beat() -> None:
            while True:
                turns.append(time.monotonic())
                await asyncio.sleep(0.005)

        task = asyncio.create_task(beat())
        model = ScriptedModel(["```python\nfinal_answer(sum(quick(n) for n in range(2000)))\n```"])
        with CodeAgent([quick], model) as agent:
            value = await agent.arun("Go.")
        task.cancel()
        return value

    assert asyncio.run(work()) == sum(range(1, 2001))
    assert len(turns) > 5
    assert all(name.startswith("codeling-tool") for name in threads)


def test_calls_from_threads_overlap_after_calls_one_by_one() -> None:
    """A tool that takes its time in the reading thread does not keep others from being called."""
    code = """
import time
from concurrent.futures import ThreadPoolExecutor
[quick(n) for n in range(20)]
started = time.perf_counter()
with ThreadPoolExecutor(8) as pool:
    values = list(pool.map(slow, range(8)))
final_answer([values, time.perf_counter() - started])
"""
    values, seconds = answer(code)

    assert values == list(range(8))
    assert seconds < 8 * 0.3


def test_a_limit_that_is_reached_in_a_thread_ends_the_run() -> None:
    """The budget is charged there as on the loop, and what was done is in the result."""
    program = "try:\n    [quick(n) for n in range(20)]\nexcept BaseException: pass"
    result = answer(program, limits=Limits(tool_calls=7), return_full_result=True)

    assert result.state == "limit"


def test_an_observer_sees_every_call() -> None:
    """Where somebody watches, calls are made on the loop and shown in their order."""
    seen: list[Any] = []
    answer(
        "final_answer([quick(n) for n in range(5)])",
        observers=[lambda event: seen.append(event.value) if isinstance(event, ToolCallFinished) else None],
    )

    assert seen == [1, 2, 3, 4, 5]


def test_what_ends_a_process_in_a_tool_ends_the_run() -> None:
    """KeyboardInterrupt in a plain tool is no error of the program; SystemExit is one, and ends the call only."""

    @tool
    def leave() -> None:
        """Leave."""
        raise SystemExit(3)

    @tool
    def stop() -> None:
        """Stop."""
        raise KeyboardInterrupt

    program = "try:\n    leave()\nexcept BaseException as error:\n    assert 'SystemExit' in str(error)"
    model = ScriptedModel([f"```python\nquick(1)\n{program}\nquick(1)\nstop()\n```"])

    async def work() -> None:
        with CodeAgent([quick, leave, stop], model) as agent:
            await agent.arun("Go.")

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(work())
