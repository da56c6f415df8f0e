"""Stored runs go on: what is recalled, what is asked of a person, what is refused, and what is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from codeling import (
    Approval,
    CodeAgent,
    Diverged,
    Event,
    Image,
    JournalError,
    LimitReached,
    Limits,
    MemoryJournal,
    OutcomeSettled,
    OutcomeUnknown,
    ReplayDiverged,
    RunPaused,
    RunResumed,
    Settlement,
    SQLiteJournal,
    ToolCall,
    ToolCallingAgent,
    UsageError,
    tool,
)
from codeling.events import (
    CodeStarted,
    ModelReplied,
    RunFinished,
    StepFinished,
    ToolCallDenied,
    ToolCallFinished,
    ToolCallStarted,
)
from codeling.testing import ScriptedModel, replay
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


@tool(needs_approval=True)
def pay(amount: int) -> str:
    """Pay an amount."""
    done.append(f"paid {amount}")
    return f"paid {amount}"


@tool(effect="read")
def look(number: int) -> int:
    """Look, which changes nothing."""
    return number


def agent(journal: Any, *programs: str, tools: Any = (act, pay, look), **options: Any) -> CodeAgent:
    """Give an agent whose model writes these programs."""
    return CodeAgent(tools, ScriptedModel([program(code) for code in programs]), journal=journal, **options)


def cut(journal: Any, last: Callable[[Event], bool], *programs: str, **options: Any) -> str:
    """Make a run, and give a journal's run that is the first part of it, as after a crash right after an event."""
    whole = agent(MemoryJournal(), *programs, **options).run("Do it.", return_full_result=True)
    done.clear()

    async def work() -> None:
        for event in whole.events:
            await journal.append(event)
            if last(event):
                return

    asyncio.run(work())
    return str(whole.run_id)


def stored(journal: Any, run_id: str) -> list[Event]:
    """All events of a stored run."""

    async def work() -> list[Event]:
        return [event async for event in journal.read(run_id)]

    return asyncio.run(work())


def paused(made: CodeAgent) -> str:
    """Run until a person is wanted; give the run."""
    with pytest.raises(RunPaused) as caught:
        made.run("Do it.")
    return str(caught.value.result.run_id)


def started(number: int) -> Callable[[Event], bool]:
    """Whether an event is the start of the call with this number."""
    return lambda event: isinstance(event, ToolCallStarted) and event.call.args == (number,)


def test_a_call_waits_for_a_person_in_mid_program() -> None:
    """The run pauses, and another agent object resumes it with the answer, in the middle of the same program."""
    journal = MemoryJournal()
    run_id = paused(agent(journal, "x = act(2)\nprint('before')\nfinal_answer(pay(x + 1))"))
    again = agent(journal)

    assert again.resume(run_id, approve=True) == "paid 21"
    assert again.resume(run_id) == "paid 21"
    assert done == [2, "paid 21"]


def test_a_paused_agent_below_goes_on_with_its_own_run() -> None:
    """Its caller's gathered calls are made, its run has the same id afterwards, and nothing is done twice."""
    journal = MemoryJournal()

    def team(*programs: str, below: tuple[str, ...] = ()) -> CodeAgent:
        helper = CodeAgent(
            [act, pay], ScriptedModel([program(code) for code in below]), name="helper", description="Helps."
        )
        return agent(journal, *programs, managed_agents=[helper])

    run_id = paused(
        team(
            "import asyncio\nx = act(1)\ny = await asyncio.gather(helper('Go.'), act(2), act(3))\nfinal_answer([x, y])",
            below=("a = act(4)", "final_answer(pay(a + 1))"),
        )
    )
    assert sorted(done) == [1, 2, 3, 4]
    nested = {event.nested for event in stored(journal, run_id) if isinstance(event, ToolCallStarted)} - {None}
    result = team().resume(run_id, approve={"pay": True}, return_full_result=True)

    assert result.output == [10, ["paid 41", 20, 30]]
    assert done.count("paid 41") == 1
    assert len(done) == 5
    assert nested == {event.nested for event in result.events if isinstance(event, ToolCallStarted)} - {None}
    assert result.usage.total_tokens > 0


@pytest.mark.parametrize(
    ("settle", "answer", "effects"),
    [
        ("repeat", 70, [7]),
        ("fail", "the call was cut off, and a person said that it failed", []),
        (Settlement(value=71), 71, []),
        ({"act": Settlement(error="no luck")}, "no luck", []),
        (lambda call: Settlement(value=call.args[0]), 7, []),
    ],
)
def test_a_call_that_was_cut_off_is_settled_by_a_person(settle: Any, answer: Any, effects: list[int]) -> None:
    """Without a word the run stops, unharmed; with one it goes on, and the word is on record and not asked again."""
    journal = MemoryJournal()
    code = "act(6)\ntry:\n    x = act(7)\nexcept Exception as error:\n    x = str(error)\nfinal_answer(x)"
    run_id = cut(journal, started(7), code)
    with pytest.raises(OutcomeUnknown, match=r"act\(7\) was begun before the run was cut off") as caught:
        agent(journal).resume(run_id)
    assert caught.value.result.state == "failed"
    result = agent(journal).resume(run_id, settle=settle, return_full_result=True)

    assert (result.output, done) == (answer, effects)
    assert sum(isinstance(event, OutcomeSettled) for event in stored(journal, run_id)) == 1
    assert agent(journal).resume(run_id) == answer


def test_a_call_that_is_cut_off_again_is_asked_about_again() -> None:
    """That it did not happen the first time says nothing about the second."""
    journal = MemoryJournal()
    run_id = cut(journal, started(7), "final_answer(act(7))")
    call = next(event.call for event in stored(journal, run_id) if isinstance(event, ToolCallStarted))

    async def again() -> None:
        for event in (RunResumed(), OutcomeSettled(call=call, repeat=True), ToolCallStarted(call=call)):
            await journal.append(replace(event, run_id=run_id, at=1.0))

    asyncio.run(again())
    with pytest.raises(OutcomeUnknown):
        agent(journal).resume(run_id)

    assert agent(journal).resume(run_id, settle="repeat") == 70
    assert done == [7]


@pytest.mark.parametrize("effect", ["read", "idempotent"])
def test_what_may_be_repeated_is_made_again(effect: Any) -> None:
    """A call that was cut off and may be repeated needs no person."""
    journal = MemoryJournal()

    @tool(name="look", effect=effect)
    def again(number: int) -> int:
        """Look, or put something where it is already."""
        done.append(number)
        return number

    tools = [act, again]
    run_id = cut(journal, started(8), "act(1)\nfinal_answer(look(8))", tools=tools)

    assert agent(journal, tools=tools).resume(run_id) == 8
    assert done == [8]


def test_a_decision_is_not_asked_again() -> None:
    """An approval that was given before a crash, with other arguments, holds when the run goes on."""
    journal = MemoryJournal()
    whole = MemoryJournal()

    async def approve(call: ToolCall, reason: str, /) -> Any:
        from codeling import Approval

        return Approval(approved=True, arguments={"amount": 5})

    result = agent(whole, "final_answer(pay(900))", approver=approve).run("Do it.", return_full_result=True)
    done.clear()
    upto = next(n for n, event in enumerate(result.events) if type(event).__name__ == "ApprovalResolved")

    async def copy() -> None:
        for event in result.events[: upto + 1]:
            await journal.append(event)

    asyncio.run(copy())

    assert agent(journal).resume(result.run_id) == "paid 5"
    assert done == ["paid 5"]


def test_a_program_that_diverges_is_told_as_data() -> None:
    """Where a program's output or calls differ from the journal, the run says where and what; the journal's word stands."""
    journal = MemoryJournal()
    code = "import os\nfor n in os.urandom(4):\n    look(n)\nprint(os.urandom(8).hex())"
    run_id = cut(journal, lambda event: isinstance(event, StepFinished), code, "final_answer(1)")
    model = ScriptedModel([program("final_answer(1)")])
    result = CodeAgent([look], model, journal=journal).resume(run_id, return_full_result=True)
    found = [event for event in result.events if isinstance(event, Diverged)]
    before = next(event for event in stored(journal, run_id) if isinstance(event, StepFinished))

    assert {event.what for event in found} == {"call", "output"}
    assert all(event.step == 1 for event in found)
    output = next(event for event in found if event.what == "output")
    assert (output.expected, output.found != before.output) == (before.output, True)
    assert any(event.expected is None for event in found)
    assert any(event.found is None for event in found)
    assert before.output.strip() in model.requests[0].messages[-1].content
    assert [event for event in stored(journal, run_id) if isinstance(event, Diverged)] == found


def test_a_call_that_acts_and_was_not_recorded_is_refused() -> None:
    """A finished step that now calls something else does nothing, and the run ends with where."""
    journal = MemoryJournal()
    code = "import os\nact(int.from_bytes(os.urandom(6), 'big'))"
    run_id = cut(journal, lambda event: isinstance(event, StepFinished), code, "final_answer(1)")
    with pytest.raises(ReplayDiverged, match="step 1, when it ran again, called act"):
        agent(journal, "final_answer(1)").resume(run_id)

    assert done == []


@pytest.mark.parametrize(
    ("tools", "said"),
    [([look], "this agent has no tool 'act'"), ([look, "changed"], "that tool takes other arguments now")],
)
def test_a_tool_that_is_gone_or_changed_is_a_clear_error(tools: Any, said: str) -> None:
    """The run is not touched then."""

    def act(name: str, *, number: int) -> int:
        """Act by name."""
        return number

    journal = MemoryJournal()
    run_id = cut(journal, lambda event: isinstance(event, StepFinished), "print(act(1))", "final_answer(2)")
    before = stored(journal, run_id)
    with pytest.raises(JournalError, match=said):
        agent(journal, tools=[act if item == "changed" else item for item in tools]).resume(run_id)

    assert stored(journal, run_id) == before


def test_only_one_may_work_on_a_run(tmp_path: Any) -> None:
    """A run under way is not resumed by another, nor begun again under its name; both are told, and it goes on."""
    said: list[str] = []

    @tool
    async def meddle() -> int:
        """Try to resume the run that is under way, from its midst."""
        for work in (
            lambda: agent(str(tmp_path / "runs.db")).aresume("mine"),
            lambda: agent(str(tmp_path / "runs.db"), "1").arun("Other.", run_id="mine"),
        ):
            with pytest.raises(JournalError) as caught:
                await work()
            said.append(str(caught.value))
        return 1

    made = agent(str(tmp_path / "runs.db"), "final_answer(meddle())", tools=[meddle])

    assert made.run("Do it.", run_id="mine") == 1
    assert all("run 'mine' is under way already" in text for text in said)
    with pytest.raises(JournalError, match="has a run 'mine', begun with 'Do it.'; resume it instead"):
        made.run("Do it.", run_id="mine")
    assert made.resume("mine") == 1


def test_limits_hold_over_resumptions() -> None:
    """What was spent before counts: calls, model calls and time."""
    journal = MemoryJournal()
    run_id = paused(agent(journal, "act(1)\nact(2)\npay(3)\nact(4)\nact(5)"))
    with pytest.raises(LimitReached) as caught:
        result = agent(journal, limits=Limits(tool_calls=4)).resume(run_id, approve=True, return_full_result=True)
        raise LimitReached(result.error)

    assert "the limit on tool calls is reached: 4 of 4" in str(caught.value)
    assert done == [1, 2, "paid 3", 4]


def test_calls_of_a_model_are_resumed_too() -> None:
    """An agent that acts by JSON calls pauses with the others' results recorded, and goes on."""
    journal = MemoryJournal()
    calls = [ToolCall(id="a", name="act", args=(1,)), ToolCall(id="b", name="pay", kwargs={"amount": 2})]
    with pytest.raises(RunPaused) as caught:
        ToolCallingAgent([act, pay], ScriptedModel([calls]), journal=journal).run("Do it.")
    model = ScriptedModel(["It is done."])
    later = ToolCallingAgent([act, pay], model, journal=journal)

    assert later.resume(caught.value.result.run_id, approve=True) == "It is done."
    assert done == [1, "paid 2"]
    assert [message.content for message in model.requests[0].messages if message.role == "tool"] == ["10", "paid 2"]


def test_a_continued_run_is_resumed_with_all_before_it() -> None:
    """A third task of one conversation, cut off, still knows the first."""
    journal = MemoryJournal()
    made = agent(journal, "final_answer('one')", "final_answer('two')", "final_answer(pay(3))")
    made.run("First task.")
    made.run("Second task.", reset=False)
    with pytest.raises(RunPaused) as caught:
        made.run("Third task.", reset=False)
    later = agent(journal, "final_answer(4)")
    result = later.resume(caught.value.result.run_id, approve=False, return_full_result=True)
    asked = later._model.requests[0].messages  # type: ignore[attr-defined]  # the scripted model keeps them

    assert result.output == 4
    assert [any(word in message.content for message in asked) for word in ("First", "Second", "Third")] == [True] * 3


def test_a_fork_begins_with_a_past() -> None:
    """A fork keeps the steps before and goes on with another model, task, reply, observation or value."""
    journal = MemoryJournal()
    first = agent(journal, "x = look(1)\nprint(x)", "x += 1\nprint(x)", "final_answer(x)").run(
        "Count.", return_full_result=True
    )
    other = ScriptedModel([program("final_answer(x + 100)")] * 4)
    made = CodeAgent([look], other, journal=journal, instructions="Be brief.")
    forked = made.fork(first.run_id, 2, return_full_result=True)

    def changed(event: Event) -> Event:
        from dataclasses import replace

        return replace(event, value=41) if isinstance(event, ToolCallFinished) else event

    assert (first.output, forked.output) == (2, 101)
    assert forked.run_id != first.run_id
    assert [event.step for event in forked.events if isinstance(event, StepFinished)] == [1, 2]
    assert "Be brief." in other.requests[0].messages[0].content
    assert made.fork(first.run_id, 3, task="Count on.") == 102
    assert "Count on." in str(other.requests[1].messages)
    assert made.fork(first.run_id, 2, reply=program("x = 7\nfinal_answer(x)")) == 7
    assert made.fork(first.run_id, 1, observation="It printed 5.") == 101
    assert "It printed 5." in other.requests[2].messages[-1].content
    assert made.fork(first.run_id, 2, edit=changed) == 141
    with pytest.raises(JournalError, match="has no step 9: it came to step 3"):
        made.fork(first.run_id, 9)


def test_resuming_what_is_not_there_is_a_clear_error() -> None:
    """An unknown run is a JournalError."""
    with pytest.raises(JournalError, match="holds no run 'nope'"):
        agent(MemoryJournal()).resume("nope")


def test_a_resumption_is_on_record(tmp_path: Any) -> None:
    """Each one is an event, after which the run goes on; the journal's events are one whole story."""
    journal = SQLiteJournal(tmp_path / "runs.db")
    run_id = paused(agent(journal, "final_answer(pay(1))"))
    agent(journal).resume(run_id, approve=True)
    names = [type(event).__name__ for event in stored(journal, run_id)]

    assert names.count("RunResumed") == 1
    assert names.count("RunStarted") == names.count("ModelReplied") == names.count("CodeStarted") == 1
    assert [event.state for event in stored(journal, run_id) if isinstance(event, RunFinished)] == ["paused", "success"]
    assert RunResumed in {type(event) for event in stored(journal, run_id)}


def test_programs_repeat_themselves() -> None:
    """Random numbers, uuids, sets and the clock are those of the first run when a program runs again."""
    journal = MemoryJournal()
    code = (
        "import random, uuid, datetime, time\nimport numpy as np\n"
        "now = datetime.datetime.now()\n"
        "print(random.random(), uuid.uuid4(), {'a', 'b', 'c', 'd'}, np.random.rand(), np.random.default_rng().random())"
    )
    whole = agent(journal, code, "pay(1)\nfinal_answer([now.timestamp(), time.time()])")
    run_id = paused(whole)
    began = next(event.at for event in stored(journal, run_id) if isinstance(event, CodeStarted))

    before = stored(journal, run_id)

    async def later() -> None:
        """Move the whole past a day back, as if the run had begun yesterday."""
        from dataclasses import replace

        for event in before:
            await yesterday.append(replace(event, at=event.at - 86_400))

    yesterday = MemoryJournal()
    asyncio.run(later())
    result = agent(yesterday).resume(run_id, approve=True, return_full_result=True)

    assert [event for event in result.events if isinstance(event, Diverged)] == []
    assert all(abs(moment - (began - 86_400)) < 3_600 for moment in result.output)


def test_a_resumed_run_shows_pictures_that_were_given() -> None:
    """What came with the task is in the journal."""
    journal = MemoryJournal()
    with pytest.raises(RunPaused) as caught:
        agent(journal, "pay(1)").run("Look.", images=[Image(b"\x89PNG")])
    later = agent(journal, "final_answer(1)")
    later.resume(caught.value.result.run_id, approve=True)
    asked = later._model.requests[0].messages  # type: ignore[attr-defined]  # the scripted model keeps them

    assert any(message.images == (Image(b"\x89PNG"),) for message in asked)
    assert not any(isinstance(event, ModelReplied) for event in stored(journal, "nope"))


def test_a_fork_does_not_pay_for_the_time_of_what_it_leaves_out() -> None:
    """Of a run that went on for a day, only the steps that the fork keeps count for its limit on seconds."""
    journal, later = MemoryJournal(), 0.0
    agent(journal, "x = 1", "x += 1", "final_answer(x)").run("Count.", run_id="short")
    for event in stored(journal, "short"):
        later += 86_400.0 if isinstance(event, StepFinished) else 0.0
        asyncio.run(journal.append(replace(event, run_id="long", at=event.at + later)))
    made = CodeAgent([], ScriptedModel([]), journal=journal, limits=Limits(seconds=600))

    assert made.fork("long", 1, reply=program("final_answer(3)")) == 3


HELPED = "try:\n    found = helper('Go.')\nexcept Exception as error:\n    found = str(error)\nfinal_answer(found)"
"""A program that would take whatever becomes of the agent below for a failure, and go on."""


def team(journal: Any, *, tools: Any = (act, pay)) -> CodeAgent:
    """An agent that calls another one, which acts and then asks a person."""
    below = ScriptedModel(lambda messages: program("final_answer([act(1), pay(2)])"))
    helper = CodeAgent(tools, below, name="helper", description="Helps.")
    return CodeAgent([], ScriptedModel([program(HELPED)]), managed_agents=[helper], journal=journal)


def test_an_unknown_outcome_below_stops_the_run_above() -> None:
    """No program can take it for a failure and go on: a person settles it, by way of the run above."""
    whole, journal = _Ordered(), MemoryJournal()
    with pytest.raises(RunPaused):
        team(whole).run("Go.", run_id="above")
    for event in whole.order:
        asyncio.run(journal.append(event))
        if isinstance(event, ToolCallStarted) and event.call.name == "act":
            break
    for _ in range(2):
        with pytest.raises(OutcomeUnknown, match=r"act\(1\) was begun .* then resume run 'above' with settle="):
            team(journal).resume("above", approve=True)

    assert team(journal).resume("above", approve=True, settle={"act": Settlement(value=10)}) == [10, "paid 2"]
    assert done == [1, "paid 2"]


def test_words_and_tools_that_are_wrong_below_harm_nothing() -> None:
    """An answer that is none, and a tool that the agent below has lost, are the caller's to hear of; then it goes on."""
    journal = MemoryJournal()
    with pytest.raises(RunPaused):
        team(journal).run("Go.", run_id="above")
    before = len(stored(journal, "above"))
    with pytest.raises(JournalError, match=r"has called act\(1\), and agent 'helper' has no tool 'act'"):
        team(journal, tools=(pay,)).resume("above", approve=True)
    assert len(stored(journal, "above")) == before
    with pytest.raises(UsageError, match="one says True, False, an Approval or None, not 'no'"):
        team(journal).resume("above", approve={"pay": "no"})

    assert team(journal).resume("above", approve=True) == [10, "paid 2"]


class _Ordered(MemoryJournal):
    """Knows the order of the events of all runs."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[Event] = []

    async def append(self, event: Event, /) -> None:
        self.order.append(event)
        await super().append(event)


def test_what_was_refused_is_not_told_again() -> None:
    """A denied call and one whose arguments did not fit are no news when a run goes on, and the whole repeats itself."""
    journal, seen = MemoryJournal(), list[Event]()
    code = "for call in (lambda: pay(5), lambda: act('five')):\n    try:\n        call()\n    except Exception as error:\n        print(error)"

    async def approve(call: ToolCall, reason: str) -> Approval | None:
        return Approval(approved=False, reason="too much") if call.args == (5,) else None

    run_id = paused(agent(journal, code, "final_answer(pay(1))", approver=approve))
    told = [event for event in stored(journal, run_id) if isinstance(event, (ToolCallFinished, ToolCallDenied))]
    result = agent(journal).resume(run_id, approve=True, return_full_result=True, observers=[seen.append])

    assert len(told) == 2
    assert [event for event in seen if getattr(event, "error", None)] == []
    assert [event for event in stored(journal, run_id) if isinstance(event, ToolCallFinished) and event.error] == told[
        1:
    ]
    assert [type(event) for event in result.events if isinstance(event, (ToolCallFinished, ToolCallDenied))] == [
        ToolCallDenied, ToolCallFinished, ToolCallFinished,
    ]  # fmt: skip
    assert replay(result).diverged == replay(stored(journal, run_id)).diverged == ()
