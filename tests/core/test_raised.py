"""What users' functions raise besides errors: the run ends or goes on, is recorded, and never hangs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from codeling import MemoryJournal, ToolCall, ToolCallFinished, tool
from codeling.events import RunFinished

from .helpers import add, agent, run

TRIED = ">try:\n    stops()\nexcept Exception as error:\n    final_answer(str(error))"


class Untold(Exception):
    """An error whose text cannot be had."""

    def __str__(self) -> str:
        raise ValueError("no text")


def stopping(error: BaseException, *, is_async: bool) -> Any:
    """Give a tool that raises."""

    async def later() -> None:
        """Stop."""
        await asyncio.sleep(0)
        raise error

    def now() -> None:
        """Stop."""
        raise error

    return tool(name="stops")(later if is_async else now)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError(3)])
def test_what_is_no_error_ends_the_call_only(error: BaseException, is_async: bool) -> None:
    """A tool that exits, or waits for something that was cancelled, has failed: the program is told, and goes on."""
    result = run(TRIED, tools=[stopping(error, is_async=is_async)])

    assert result.output == f"RuntimeError: {type(error).__name__}: 3"


def test_an_error_without_a_text_is_recorded() -> None:
    """A call whose error cannot be told has failed all the same, and its end is in the run."""
    result = run(TRIED, tools=[stopping(Untold(), is_async=False)])

    assert result.output == "Untold, whose text cannot be had: ValueError"
    assert any(isinstance(event, ToolCallFinished) for event in result.events)


@pytest.mark.parametrize("where", ["step_callbacks", "final_answer_checks", "observers", "policy", "approver"])
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_what_ends_a_process_ends_the_run_that_called_it(where: str, error: BaseException) -> None:
    """`sys.exit()` in a function of the user's reaches who called `run`, once it is recorded; later runs work."""

    def stop(*_: Any) -> Any:
        raise error

    journal = MemoryJournal()
    options: dict[str, Any] = {"policy": stop} if where == "policy" else {where: [stop]}
    options = {"policy": {"add": "ask"}, "approver": stop} if where == "approver" else options
    made = agent([">final_answer(add(1))"], journal=journal, **options)
    with pytest.raises(type(error)):
        made.run("Do it.", run_id="ended")

    async def stored() -> list[Any]:
        return [event async for event in journal.read("ended")]

    last = asyncio.run(stored())[-1]
    assert isinstance(last, RunFinished)
    assert (last.state, type(error).__name__ in (last.error or "")) == ("failed", True)
    assert run(">final_answer(add(1))", tools=[add]).output == 2


def test_a_policy_that_raises_ends_the_run() -> None:
    """What a policy raises is the user's to see; the program is not told of a result that could not cross."""

    def policy(call: ToolCall, _: Any) -> Any:
        raise ValueError(f"nobody knows {call.name}")

    with pytest.raises(ValueError, match="nobody knows add"):
        agent([">final_answer(add(1))"], policy=policy).run("Do it.")


def test_a_policy_that_is_cancelled_ends_the_run() -> None:
    """A program does not wait for ever for a call that nobody answers any more."""

    def policy(call: ToolCall, _: Any) -> Any:
        raise asyncio.CancelledError

    with pytest.raises(RuntimeError, match="cancelled from within"):
        agent([">final_answer(add(1))"], policy=policy).run("Do it.")


LEAVES = """
import sys
from codeling import CodeAgent
from codeling.testing import ScriptedModel

agent = CodeAgent([], ScriptedModel(["```python\\nprint(1)\\n```"]), step_callbacks=[lambda step: sys.exit(7)])
agent.run("Go.")
"""


def test_a_script_ends_where_a_callback_says_so() -> None:
    """A callback that exits ends the script with its code."""
    done = subprocess.run([sys.executable, "-c", LEAVES], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (7, "")
