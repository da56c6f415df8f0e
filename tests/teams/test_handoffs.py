"""An agent that passes the conversation on and is done."""

from __future__ import annotations

from typing import Any

from codeling import CodeAgent, HandedOver, MemoryJournal, RunStarted, ToolCallingAgent, tool
from codeling.messages import ToolCall
from codeling.testing import ScriptedModel

from ..core.helpers import program


def scripted(*programs: str) -> ScriptedModel:
    return ScriptedModel([program(code) for code in programs])


def other(*programs: str, **options: Any) -> CodeAgent:
    return CodeAgent(options.pop("tools", ()), scripted(*programs), name="other", description="Knows.", **options)


def test_the_other_agents_answer_is_the_answer() -> None:
    """It has the conversation and the variables, the program that handed over does not go on, and events show it."""
    ran: list[str] = []

    @tool
    def note(text: str) -> None:
        """Note."""
        ran.append(text)

    taker = other("final_answer(rows + ['done'])")
    giver = CodeAgent(
        [note],
        scripted("print('seen before')", "note('a')\ntransfer_to_other('Finish it.')\nnote('b')"),
        handoffs=[taker],
    )
    with giver:
        result = giver.run("The task.", additional_args={"rows": [1]}, return_full_result=True)
    asked = "\n".join(message.content for message in taker._model.requests[0].messages)  # type: ignore[attr-defined]
    over = next(event for event in result.events if isinstance(event, HandedOver))

    assert (result.output, result.state) == ([1, "done"], "success")
    assert ran == ["a"]
    assert asked.index("Task: The task.") < asked.index("seen before") < asked.index("Task: Finish it.")
    assert (over.agent, over.answer) == ("other", [1, "done"])


def test_a_model_that_makes_calls_hands_over_too() -> None:
    """In the JSON form a transfer is a call like any other."""
    call = ToolCall(id="1", name="transfer_to_other", kwargs={"note": "Go."})
    giver = ToolCallingAgent((), ScriptedModel([[call]]), handoffs=[other("final_answer(7)")])

    assert giver.run("Go.") == 7


def test_one_that_fails_can_be_handled() -> None:
    """A transfer that failed is an error of the program, which goes on."""
    taker = CodeAgent((), ScriptedModel([]), name="other", description="Knows.")
    code = "try:\n    transfer_to_other('Go.')\nexcept Exception as error:\n    final_answer(str(error))"
    with CodeAgent((), scripted(code), handoffs=[taker]) as giver:
        assert "agent 'other' failed (run " in giver.run("Go.")


def test_a_run_that_handed_over_is_resumed() -> None:
    """A person's answer is awaited below; the resumed run goes on there, with the same run, and nothing is done twice."""
    journal, paid = MemoryJournal(), list[int]()

    @tool(needs_approval=True)
    def pay(amount: int) -> int:
        """Pay."""
        paid.append(amount)
        return amount

    def team(first: tuple[str, ...], second: tuple[str, ...]) -> CodeAgent:
        return CodeAgent((), scripted(*first), handoffs=[other(*second, tools=[pay])], journal=journal)

    begun = team(("transfer_to_other('Pay 5.')",), ("final_answer(pay(5))",))
    events = list(begun_events(begun))
    nested = {event.run_id for event in events if isinstance(event, RunStarted)}
    again = team((), ())
    result = again.resume(events[0].run_id, approve=True, return_full_result=True)

    assert result.output == 5
    assert paid == [5]
    assert next(event for event in result.events if isinstance(event, HandedOver)).nested in nested
    assert team((), ()).resume(events[0].run_id) == 5


def begun_events(agent: CodeAgent) -> Any:
    yield from agent.run("Go.", stream=True)
