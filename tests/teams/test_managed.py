"""Agents that programs of other agents call as functions, through the default sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from codeling import (
    Agent,
    CodeAgent,
    EndsRun,
    Event,
    Interrupted,
    Limits,
    MemoryJournal,
    ModelError,
    RunFinished,
    RunStarted,
    StepFinished,
    ToolCallingAgent,
    ToolCallStarted,
    UsageError,
    tool,
)  # fmt: skip
from codeling.messages import Message, ToolCall
from codeling.testing import ScriptedModel

from ..core.helpers import program, slow_double


def scripted(*programs: str) -> ScriptedModel:
    return ScriptedModel([program(code) for code in programs])


def helper(*programs: str, tools: Iterable[Any] = (), **options: Any) -> CodeAgent:
    return CodeAgent(tools, scripted(*programs), **{"name": "helper", "description": "Helps.", **options})


def manager(code: str, *agents: Agent, **options: Any) -> CodeAgent:
    return CodeAgent((), scripted(code), managed_agents=agents, **options)


def by_number(messages: Any) -> str:
    """Answer with ten times the variable, after a look at a variable that another run might have left."""
    assert isinstance(messages[-1], Message)
    return program("seen = 'mine' in globals()\nmine = number\nfinal_answer([seen, number * 10])")


@pytest.mark.parametrize(
    "code",
    [
        "import asyncio\nfinal_answer(await asyncio.gather(*[helper('Go.', number=n) for n in range(5)]))",
        """from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(5) as pool:
    final_answer(list(pool.map(lambda n: helper('Go.', number=n), range(5))))""",
    ],
    ids=["gather", "threads"],
)
def test_calls_side_by_side_share_nothing(code: str) -> None:
    """Each call is a run of its own, with variables of its own and its own id, below the one run."""
    seen: list[Event] = []
    below = CodeAgent((), ScriptedModel(by_number, delay=0.2), name="helper", description="Helps.")
    with manager(code, below, observers=[seen.append]) as boss:
        answer = boss.run("Go.")
    started = [event for event in seen if isinstance(event, RunStarted)]

    assert answer == [[False, n * 10] for n in range(5)]
    assert len({event.run_id for event in started}) == 6
    assert {event.parent_id for event in started[1:]} == {started[0].run_id}


@dataclass(frozen=True)
class Found:
    """What a helper finds."""

    total: int
    name: str


def test_values_go_in_and_typed_values_come_out() -> None:
    """Values given by name are variables, the answer is made to fit `result_type`, and the stub says the type."""
    below = helper("final_answer({'total': str(sum(rows)), 'name': label})", result_type=Found)
    with manager(
        "found = helper('Sum.', rows=[1, 2, 3], label='x')\nfinal_answer([found.total + 1, found.name])", below
    ) as boss:
        assert boss.run("Go.") == [7, "x"]
        asked = boss._model.requests[0].messages[-1].content  # type: ignore[attr-defined]

    assert "Found:" in asked


def test_calls_of_a_model_take_values_too() -> None:
    """An agent in the JSON form gives values by name as well."""
    call = ToolCall(id="1", name="helper", kwargs={"task": "Double.", "number": 21})
    boss = ToolCallingAgent((), ScriptedModel([[call], "42"]), managed_agents=[helper("final_answer(number * 2)")])

    result = boss.run("Go.", return_full_result=True)
    assert result.output == "42"
    assert boss._model.requests[1].messages[-1].content == "42"  # type: ignore[attr-defined]


def test_a_conversation_goes_on_when_asked_for() -> None:
    """`reset=False` has the words and the variables of this run's last call; without it there is neither."""
    below = helper("x = 5\nfinal_answer(x)", "final_answer(x + 100)", "final_answer('x' in globals())")
    code = "a = helper('Five.')\nb = helper('More.', reset=False)\nfinal_answer([a, b, helper('Anew.')])"
    with manager(code, below) as boss:
        assert boss.run("Go.") == [5, 105, False]
    talk = [len(request.messages) for request in below._model.requests]  # type: ignore[attr-defined]

    assert talk[1] > talk[0] == talk[2]


def test_a_conversation_goes_on_after_a_resume() -> None:
    """The words of the last call come from the journal; the variables are gone, and the model is told so."""
    journal = MemoryJournal()

    @tool(needs_approval=True)
    def pay() -> int:
        """Pay."""
        return 1

    def team(*programs: str) -> CodeAgent:
        code = "a = helper('Five.')\npay()\nfinal_answer([a, helper('More.', reset=False)])"
        return CodeAgent([pay], scripted(code), managed_agents=[helper(*programs)], journal=journal)

    paused = asyncio.run(_result(team("x = 5\nfinal_answer(x)")))
    again = team("final_answer('x' in globals())")
    answer = again.resume(paused.run_id, approve=True)
    asked = list(again.managed_agents)[0]._model.requests[0].messages  # type: ignore[attr-defined]  # noqa: RUF015

    assert answer == [5, False]
    assert any("x = 5" in message.content for message in asked)
    assert "variables of your earlier programs are gone" in asked[-1].content


async def _result(agent: CodeAgent) -> Any:
    return await agent.arun("Go.", return_full_result=True)


def test_budgets_are_counted_together() -> None:
    """A limit of the caller counts what its helpers do; the run ends cleanly with what it knew."""
    below = helper(*["print(1)"] * 20)
    with manager("helper('Go.')", below, limits=Limits(model_calls=5)) as boss:
        result = boss.run("Go.", return_full_result=True)

    assert result.state == "limit"
    assert len(below._model.requests) == 4  # type: ignore[attr-defined]
    assert result.usage.total_tokens > 4 * 100


def test_a_helper_out_of_its_own_budget_is_an_error_with_its_run() -> None:
    """The caller's program can handle it, is told which run it was and what was known, and goes on."""
    seen: list[Event] = []
    code = "try:\n    helper('Go.')\nexcept Exception as error:\n    final_answer(str(error))"
    with manager(code, helper(*["print('so far')"] * 9, limits=Limits(model_calls=2)), observers=[seen.append]) as boss:
        answer = boss.run("Go.")
    nested = next(event.nested for event in seen if isinstance(event, ToolCallStarted))

    assert nested and nested in answer
    assert "the limit on model calls is reached" in answer
    assert "so far" in answer


@pytest.mark.parametrize(
    "trouble", [ModelError("no such model"), RuntimeError("no such model")], ids=["known", "foreign"]
)
def test_one_that_fails_does_not_harm_the_others(trouble: Exception) -> None:
    """Its failure, whatever it is, is an error that names its run; the others' answers are there."""
    bad = CodeAgent((), ScriptedModel([trouble]), name="bad", description="Fails.")
    code = "import asyncio\nfinal_answer([str(x) for x in await asyncio.gather(bad('Go.'), helper('Go.'), return_exceptions=True)])"
    with manager(code, bad, helper("final_answer(1)")) as boss:
        failure, answer = boss.run("Go.")

    assert answer == "1"
    assert "agent 'bad' failed (run " in failure
    assert "no such model" in failure


def test_the_callers_policy_holds_below() -> None:
    """What it denies is denied two agents further down, and a policy below can only be stricter."""
    done: list[int] = []

    @tool
    def act(number: int) -> int:
        """Act."""
        done.append(number)
        return number

    deep = helper(
        "try:\n    act(1)\nexcept Exception as e:\n    final_answer(str(e))",
        tools=[act],
        name="deep",
        policy={"*": "allow"},
    )
    middle = helper("final_answer(deep('Go.'))", managed_agents=[deep])
    with manager("final_answer(helper('Go.'))", middle, policy={"act": "deny"}) as boss:
        answer = boss.run("Go.")

    assert "CallDenied: 'act' is not allowed" in answer
    assert done == []


def test_the_callers_person_is_asked_below() -> None:
    """A tool that needs approval asks the approver of the agent that was called first."""
    asked: list[str] = []

    @tool(needs_approval=True)
    def act(number: int) -> int:
        """Act."""
        return number

    async def approver(call: ToolCall, reason: str) -> bool:
        asked.append(call.name)
        return True

    deep = helper("final_answer(act(1))", tools=[act], name="deep")
    with manager(
        "final_answer(helper('Go.'))", helper("final_answer(deep('Go.'))", managed_agents=[deep]), approver=approver
    ) as boss:
        assert boss.run("Go.") == 1
    assert asked == ["act"]


def test_an_interrupt_ends_the_runs_below() -> None:
    """They are stored as interrupted, before their caller is, also where they were in the middle of a program."""
    journal, seen = MemoryJournal(), list[Event]()
    below = helper("slow_double(1, 60)", tools=[slow_double])

    def watch(event: Event) -> None:
        seen.append(event)
        if isinstance(event, ToolCallStarted) and event.call.name == "slow_double":
            boss.interrupt()

    boss = manager("helper('Go.')", below, journal=journal, observers=[watch])
    with pytest.raises(Interrupted):
        boss.run("Go.")
    ended = [event for event in seen if isinstance(event, RunFinished)]
    began = [event.run_id for event in seen if isinstance(event, RunStarted)]

    assert [event.state for event in ended] == ["interrupted", "interrupted"]
    assert [event.run_id for event in ended] == began[::-1]


def test_recursion_ends() -> None:
    """An agent that calls itself without end is stopped at a depth, and says why."""
    seen: list[Event] = []

    @tool
    async def again(task: str) -> Any:
        """Do it again."""
        return await below.arun(task)

    below = CodeAgent([again], ScriptedModel(lambda messages: program("final_answer(again('Go.'))")))
    with below:
        below.run("Go.", observers=[seen.append])
    ended = [event for event in seen if isinstance(event, RunFinished)]

    assert len(ended) == 17
    assert ended[0].error == "16 runs are above this one already: an agent calls itself without end"


def test_names_are_needed_and_unique() -> None:
    """Two agents of one name are refused, and so is one without a name."""
    with pytest.raises(UsageError, match="two tools are called 'helper'"):
        manager("", helper(), helper())
    with pytest.raises(UsageError, match="needs name="):
        manager("", CodeAgent((), scripted()))
    with pytest.raises(UsageError, match="cannot be called 'final_answer'"):
        manager("", helper(name="final_answer"))
    with pytest.raises(EndsRun):
        CodeAgent((), scripted(), handoffs=[CodeAgent((), scripted())])


def test_what_is_no_agent_is_said() -> None:
    """A function among agents, an agent among tools, and an agent where a list of them is wanted."""
    with pytest.raises(UsageError, match=r"no agent that another one could call: .*; a function goes into tools="):
        CodeAgent((), scripted(), managed_agents=[slow_double])  # type: ignore[list-item]  # the mistake
    with pytest.raises(UsageError, match="an agent is no tool: put it into managed_agents="):
        CodeAgent([helper()], scripted())  # type: ignore[list-item]  # the mistake
    with pytest.raises(UsageError, match=r"handoffs is a list of agents: write handoffs=\[…\]"):
        CodeAgent((), scripted(), handoffs=helper())  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize(
    ("last", "answer"),
    [("final_answer(7)", "7"), ("print('no answer')", "ToolError: agent 'helper' ended without an answer (run ")],
)
def test_a_helper_without_steps_has_an_answer_or_fails(last: str, answer: str) -> None:
    """What it says when it is asked for the best that it has is its answer; what it only printed is none."""
    code = "try:\n    final_answer(str(helper('Go.')))\nexcept Exception as e:\n    final_answer(f'{type(e).__name__}: {e}')"
    with manager(code, helper("print(1)", "print(2)", last, max_steps=2)) as boss:
        said = boss.run("Go.")

    assert said.startswith(answer)
    assert ("max_steps_error" in said) == ("print" in last)


@pytest.mark.parametrize("code", ["transfer_to_{}('Go on.')", "final_answer({}('Go on.'))"], ids=["over", "below"])
def test_agents_that_call_each_other_without_end(code: str) -> None:
    """The call that is too deep is an error, and no run of the chain tries on and on; the first run ends with why."""
    seen: list[Event] = []

    def turning(name: str, to: str) -> CodeAgent:
        return CodeAgent((), ScriptedModel(lambda messages: program(code.format(to))), name=name, description="Turns.")

    left, right = turning("left", "right"), turning("right", "left")
    for agent, other in ((right, left), (left, right)):
        agent.managed_agents, agent.handoffs = ([], [other]) if "transfer" in code else ([other], [])
    result = left.run("Go.", observers=[seen.append], max_steps=2, return_full_result=True)
    runs = {event.run_id: event for event in seen if isinstance(event, RunFinished)}

    assert result.state == "max_steps_error"
    assert len(runs) == 1 + 3 * 15
    assert {event.state for event in runs.values()} == {"max_steps_error", "limit"}
    assert "agents below have called each other without end" in (result.steps[-1].error or "")
    errors = [event.error or "" for event in seen if isinstance(event, StepFinished)]
    assert any("is not called: 16 runs are above it already, the last one" in error for error in errors)


def test_a_program_handles_a_call_that_is_too_deep() -> None:
    """The deepest run that can be had answers, and its answer comes up."""
    code = "try:\n    final_answer(again('Deeper.') + 1)\nexcept Exception:\n    final_answer(1)"
    again = CodeAgent((), ScriptedModel(lambda messages: program(code)), name="again", description="Calls itself.")
    again.managed_agents = [again]
    with again:
        assert again.run("Go.") == 16
