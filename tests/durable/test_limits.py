"""Limits end a run cleanly, with what is known, wherever it is, and hold for agents below."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from codeling import (
    CodeAgent,
    ContextCompacted,
    Limits,
    MemoryJournal,
    Reply,
    RunFinished,
    ToolCall,
    ToolCallingAgent,
    Usage,
    tool,
)
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


@pytest.mark.parametrize("below", [False, True], ids=["alone", "by an agent below"])
@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(model_calls=3), "the limit on model calls is reached: 3 of 3"),
        (Limits(tool_calls=3), "the limit on tool calls is reached: 3 of 3"),
        (Limits(tokens=250), "the limit on tokens is reached: 300 of 250"),
        (Limits(cost=0.25), "the limit on cost is reached: 0.3 of 0.25"),
    ],
    ids=["model calls", "tool calls", "tokens", "money"],
)
def test_a_limit_ends_a_run_with_what_is_known(limits: Limits, said: str, *, below: bool) -> None:
    """It is held before the act, counts what agents below have spent, and the run keeps the best so far."""
    usage = Usage(input_tokens=60, output_tokens=40, cost=0.1)
    replies = [Reply(content=program(f"wait(0)\nprint('found {n}')"), usage=usage) for n in range(9)]
    worker = CodeAgent(
        [wait], ScriptedModel(replies), limits=None if below else limits, name="helper", description="Helps."
    )
    agent = worker
    if below:
        first = Reply(content=program("print('found it')\nhelper('Go.')"), usage=usage)
        agent = CodeAgent([], ScriptedModel([first] * 9), managed_agents=[worker], limits=limits)
    result = agent.run("Go.", return_full_result=True)

    assert (result.state, result.error) == ("limit", said)
    assert "found" in result.output
    assert isinstance(result.events[-1], RunFinished)


def test_the_best_of_calls_is_what_the_last_one_gave() -> None:
    """An agent that acts by JSON calls has seen results when a limit ends it, and nothing printed."""
    calls = [[ToolCall(id=str(n), name="act", args=(n,))] for n in range(3)]

    @tool
    def act(n: int) -> int:
        """Act."""
        return n * 10

    agent = ToolCallingAgent([act], ScriptedModel(calls), limits=Limits(model_calls=2))
    result = agent.run("Act.", return_full_result=True)

    assert (result.state, result.output) == ("limit", 10)


def test_what_shortening_cost_counts_after_a_resumption() -> None:
    """The model's summary of a conversation is a call of the model: it is charged again when the run goes on."""
    usage = Usage(cost=1.0, input_tokens=10)

    def reply(messages: Any) -> Reply:
        if "is about to be shortened" in messages[-1].content:
            return Reply(content="Much was printed.", usage=usage)
        return Reply(content=program(f"x = '{'long ' * 900}'\nprint({len(messages)}, x)"), usage=usage)

    journal, model = MemoryJournal(), ScriptedModel(reply)
    agent = CodeAgent([], model, journal=journal, context_window=8000, limits=Limits(model_calls=12))
    first = agent.run("Print.", return_full_result=True)
    again = replace(agent, limits=Limits(model_calls=15)).resume(first.run_id, return_full_result=True)
    summaries = [event for event in again.events if isinstance(event, ContextCompacted) and event.summary]

    assert (first.state, again.state, bool(summaries)) == ("limit", "limit", True)
    assert len(model.requests) == 15
    assert again.cost == 15
