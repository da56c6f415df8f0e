"""Limits end a run cleanly, with what is known, wherever it is, and hold for agents below."""

from __future__ import annotations

from typing import Any

from codeling import CodeAgent, Limits, MemoryJournal, RunFinished, tool
from codeling.testing import ScriptedModel
from tests.core.helpers import program


@tool(effect="read")
async def wait(seconds: float) -> float:
    """Wait."""
    import asyncio

    await asyncio.sleep(seconds)
    return seconds


def run(*programs: str, limits: Limits, **options: Any) -> Any:
    """Run a task to its end."""
    agent = CodeAgent([wait], ScriptedModel([program(code) for code in programs]), limits=limits, **options)
    return agent.run("Go.", return_full_result=True)


def test_the_time_ends_a_program_that_runs() -> None:
    """Also one that never calls; the run says which limit, and has what was found before."""
    result = run("print('so far')\n1 + 1", "while True:\n    pass", limits=Limits(seconds=8))

    assert (result.state, result.error) == ("limit", "the limit on seconds is reached: 8")
    assert result.output == "2"
    assert isinstance(result.events[-1], RunFinished)


def test_the_time_ends_a_call_that_waits() -> None:
    """A tool that is async is cancelled."""
    assert run("wait(600)", limits=Limits(seconds=8)).state == "limit"


def test_agents_below_spend_from_the_same_budget() -> None:
    """Their calls count for their caller, whose next act is refused."""
    helper = CodeAgent(
        [wait],
        ScriptedModel([program("[wait(0), wait(0)]\nfinal_answer('done')")]),
        name="helper",
        description="Helps.",
    )
    code = "x = helper('Go.')\nprint(x)\nwait(0)\nwait(0)"
    result = run(code, limits=Limits(tool_calls=4), managed_agents=[helper], journal=MemoryJournal())

    assert (result.state, result.error) == ("limit", "the limit on tool calls is reached: 4 of 4")
