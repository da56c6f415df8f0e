"""Programs of a JSON agent's Python tool call its other tools, through the same door as the model's own calls."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from codeling import (
    CodeAgent,
    Diverged,
    Limits,
    MemoryJournal,
    PythonInterpreterTool,
    RunPaused,
    ToolCall,
    ToolCallingAgent,
    tool,
)
from codeling.events import Event, ToolCallFinished, ToolCallStarted
from codeling.testing import ScriptedModel
from tests.core.helpers import program

done: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    """Each test counts what its tools do."""
    done.clear()


@tool
def act(number: int) -> int:
    """Do something that can be counted."""
    done.append(number)
    return number * 10


@tool
async def act_soon(number: int) -> int:
    """Do it without a thread."""
    await asyncio.sleep(0)
    return int(act(number))


@tool(needs_approval=True)
def pay(amount: int) -> str:
    """Pay an amount."""
    done.append(f"paid {amount}")
    return f"paid {amount}"


def python(code: str, id: str = "p") -> list[ToolCall]:
    """A reply that runs a program."""
    return [ToolCall(id=id, name="python_interpreter", kwargs={"code": code})]


def answer(value: Any) -> list[ToolCall]:
    """A reply that answers."""
    return [ToolCall(id="f", name="final_answer", kwargs={"answer": value})]


def agent(*replies: Any, tools: Any = (act, act_soon, pay), **options: Any) -> ToolCallingAgent:
    """A JSON agent that has Python."""
    return ToolCallingAgent([*tools, PythonInterpreterTool()], ScriptedModel(replies), **options)


def told(made: ToolCallingAgent, request: int) -> str:
    """What the model was told last before its n-th request."""
    assert isinstance(made.model, ScriptedModel)
    return made.model.requests[request].messages[-1].content


def stored(journal: Any, run_id: str) -> list[Event]:
    """All events of a stored run."""

    async def work() -> list[Event]:
        return [event async for event in journal.read(run_id)]

    return asyncio.run(work())


def test_a_program_calls_the_other_tools() -> None:
    """Plain and async ones, at once too; values go both ways, errors are the program's, every call is an event."""
    code = (
        "import asyncio\nfound = await asyncio.gather(*[act_soon.aio(n) for n in range(3)])\n"
        "try:\n    act('seven')\nexcept Exception as error:\n    print(type(error).__name__)\nprint(act(3) + sum(found))"
    )
    made = agent(python(code), answer(60))
    result = made.run("Go.", return_full_result=True)
    started = [event.call for event in result.events if isinstance(event, ToolCallStarted)]

    assert result.output == 60
    assert "ToolError\n60" in told(made, 1)
    assert sorted(done) == [0, 1, 2, 3]
    assert [call.name for call in started] == ["python_interpreter", "act_soon", "act_soon", "act_soon", "act"]
    assert all(call.id.startswith("p/") for call in started[1:])
    assert len({call.id for call in started}) == 5


def test_its_calls_go_by_the_agents_rules() -> None:
    """Policy, budget and the list of tools hold in there: it reaches nothing that the model itself could not call."""
    made = agent(python("act(1)"), answer("denied"), policy={"act": "deny"})
    assert made.run("Go.") == "denied"
    assert "is not allowed" in told(made, 1)

    made = agent(python("for n in range(9): act(n)"), answer("no"), limits=Limits(tool_calls=4))
    assert made.run("Go.", return_full_result=True).state == "limit"
    assert done == [0, 1, 2]

    done.clear()
    made = agent(python("python_interpreter('1')"), answer("no"))
    made.run("Go.")
    assert "NameError" in told(made, 1)


def test_a_program_without_tools_says_so() -> None:
    """With `tools=False` there are none, and the model is told so beforehand, and when it calls one all the same."""
    bare = PythonInterpreterTool(tools=False)
    made = ToolCallingAgent([act, bare], ScriptedModel([python("print(act(2))"), answer(0)]))
    made.run("Go.")

    assert "where your other tools are functions" not in bare.description
    assert told(made, 1).endswith("Call act by itself and write its result into the program.")
    assert done == []
    assert asyncio.run(PythonInterpreterTool()(code="6 * 7")) == "Output: 42"


def test_a_person_is_asked_in_the_middle_of_such_a_program() -> None:
    """The run pauses there, and goes on in another agent object without doing anything twice."""
    journal = MemoryJournal()
    with pytest.raises(RunPaused) as caught:
        agent(python("x = act(2)\nprint(pay(x + 1))\nact(5)"), journal=journal).run("Do it.")
    later = agent(answer("done"), journal=journal)

    assert later.resume(caught.value.result.run_id, approve=True) == "done"
    assert done == [2, "paid 21", 5]


def test_a_finished_program_is_recalled_with_its_calls() -> None:
    """A run that is resumed later neither runs it again nor takes its calls for missing ones."""
    journal = MemoryJournal()
    with pytest.raises(RunPaused) as caught:
        agent(python("act(1)\nact(2)"), [ToolCall(id="q", name="pay", kwargs={"amount": 3})], journal=journal).run(
            "Go."
        )
    run_id = caught.value.result.run_id

    assert agent(answer("done"), journal=journal).resume(run_id, approve=True) == "done"
    assert done == [1, 2, "paid 3"]
    assert not [event for event in stored(journal, run_id) if isinstance(event, Diverged)]


def test_an_agent_below_does_not_call_its_managers_tools() -> None:
    """A code agent that has the Python tool is another run: what its programs reach is its own."""
    worker = CodeAgent(
        [PythonInterpreterTool()], ScriptedModel([program("final_answer(python_interpreter('act(1)'))")]),
        name="worker", description="Works.", max_steps=1,
    )  # fmt: skip
    made = ToolCallingAgent(
        [act], ScriptedModel([[ToolCall(id="w", name="worker", kwargs={"task": "Go."})], answer("no")]),
        managed_agents=[worker],
    )  # fmt: skip
    result = made.run("Go.", return_full_result=True)

    assert done == []
    assert any("worker" in str(event.error) for event in result.events if isinstance(event, ToolCallFinished))
