"""Runs that are played again: whatever they did, they repeat themselves, and what differs is told and not passed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from codeling import CodeAgent, EndsRun, Limits, MemoryJournal, RunResult, ToolCall, ToolCallingAgent, tool
from codeling.events import AnswerRejected, PlanMade, StepStarted
from codeling.testing import ScriptedModel, replay
from tests.core.helpers import program

made: list[int] = []


@tool
def act(number: int) -> int:
    """Act, which is counted."""
    made.append(number)
    return number * 10


def agent(*replies: str, **options: Any) -> CodeAgent:
    """Give an agent whose model writes these programs, or these words where they begin with a hash."""
    texts = [reply[1:] if reply.startswith("#") else program(reply) for reply in replies]
    return CodeAgent(options.pop("tools", [act]), ScriptedModel(texts), **options)


def helper(code: str) -> CodeAgent:
    return agent(code, name="helper", description="Helps.")


WHOLE = ("x = act(1)\nprint(x)", "final_answer(x)")
TRIED = "try:\n    {}\nexcept Exception as error:\n    print(error)"
RUNS: dict[str, Callable[[], Any]] = {
    "plans": lambda: agent("#First.", *WHOLE[:1], "y = act(2)", "#Then.", WHOLE[1], planning_interval=2),
    "one plan": lambda: agent("#First.", *WHOLE, planning_interval=9),
    "a type": lambda: agent("final_answer('a')", *WHOLE, result_type=int),
    "a check": lambda: agent("final_answer(1)", *WHOLE, final_answer_checks=[lambda answer: answer == 10]),
    "out of steps": lambda: agent("act(1)", "act(2)", "print(3)", max_steps=2),
    "a limit": lambda: agent("act(1)", "act(2)\nact(3)", limits=Limits(tool_calls=2)),
    "refused": lambda: agent(TRIED.format("act(1)"), "final_answer(2)", policy={"act": "deny"}),
    "paused": lambda: agent(*WHOLE, policy={"act": "ask"}, journal=MemoryJournal()),
    "unfit": lambda: agent(TRIED.format("act('one')"), TRIED.format("act('one'); act(2)"), "final_answer(3)"),
    "prose": lambda: agent("#I am thinking.", "1 / 0", "final_answer(3)"),
    "lost": lambda: agent("import os\nos._exit(3)", "final_answer(3)"),
    "compacted": lambda: agent(*["print('x' * 4000)"] * 5, "#So far.", *WHOLE, context_window=3000),
    "calls": lambda: ToolCallingAgent([act], ScriptedModel([[ToolCall(id="1", name="act", args=("x",))], "Done."])),
    "below": lambda: agent("final_answer(helper('Go.'))", managed_agents=[helper("final_answer(act(3))")]),
    "handed over": lambda: agent("print(1)", "transfer_to_helper('Go.')", handoffs=[helper("final_answer(act(3))")]),
}


@pytest.mark.parametrize("kind", RUNS)
def test_a_run_repeats_itself_to_its_end(kind: str) -> None:
    """Without the agent that made it, all of its steps are played, nothing differs, and no tool is called."""
    try:
        result = RUNS[kind]().run("Do it.", return_full_result=True)
    except EndsRun as error:
        result = error.result
    assert isinstance(result, RunResult)
    made.clear()
    played = replay(result)

    assert played.diverged == ()
    assert played.steps == sum(isinstance(event, StepStarted) for event in result.events) > 0
    assert made == []


def test_an_end_that_comes_sooner_is_told() -> None:
    """An agent that now accepts an answer which was rejected, and one that now plans, are differences."""
    rejected = RUNS["a check"]().run("Do it.", return_full_result=True)
    planned = RUNS["one plan"]().run("Do it.", return_full_result=True)
    [end] = replay(rejected, agent()).diverged
    [order] = replay(planned, agent()).diverged

    assert any(isinstance(event, AnswerRejected) for event in rejected.events)
    assert (end.step, end.what, end.expected) == (1, "end", "AnswerRejected")
    assert any(isinstance(event, PlanMade) for event in planned.events)
    assert order.what == "order"
    assert "its journal has PlanMade where the run now comes to StepStarted" in order.found
