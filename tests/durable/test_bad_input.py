"""Settings, journals and words about stored runs that cannot be meant: a sentence says so, and nothing is touched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codeling import (
    Approval,
    CodeAgent,
    Event,
    JournalError,
    Limits,
    MemoryJournal,
    ReplayDiverged,
    RunPaused,
    Secret,
    ToolCallingAgent,
    UsageError,
    tool,
)
from codeling.testing import ScriptedModel
from tests.core.helpers import program

paid: list[float] = []


@tool(needs_approval=True)
def pay(amount: float) -> str:
    """Pay an amount."""
    paid.append(amount)
    return f"paid {amount}"


def agent(*programs: str, **options: Any) -> CodeAgent:
    """Give an agent whose model writes these programs."""
    return CodeAgent([pay], ScriptedModel([program(code) for code in programs]), **options)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_steps": -1}, "max_steps is a whole number from 0 on, not -1"),
        ({"planning_interval": "2"}, "planning_interval is a whole number from 0 on, not '2'"),
        ({"context_window": 0}, "context_window is a whole number from 1 on, not 0"),
        ({"limits": {"seconds": 3}}, "limits are such as Limits(model_calls=20, seconds=60), not {'seconds': 3}"),
        ({"limits": Limits(seconds="3")}, "Limits(seconds=…) is a number from 0 on, not '3'"),  # type: ignore[arg-type]  # the mistake
        ({"limits": Limits(cost=-0.5)}, "Limits(cost=…) is a number from 0 on, not -0.5"),
        ({"limits": Limits(cost=float("nan"))}, "Limits(cost=…) is a number from 0 on, not nan"),
        ({"approver": True}, "an approver is a function of the call and the reason, not True"),
        ({"policy": "ask"}, "a policy is a dict such as {'pay': 'ask'}"),
        ({"policy": {"pay": "perhaps"}}, "a policy decides 'allow', 'ask' or 'deny', not 'perhaps'"),
        (
            {"policy": {"effect:writes": "deny"}},
            "'effect:writes' fits nothing: the effects are read, idempotent, write",
        ),
        ({"journal": ""}, "a journal is a file such as 'runs.db', and '' names none"),
        ({"journal": "mysql://user:word@host/runs"}, "or at a postgresql:// address; not at a mysql:// one"),
        ({"journal": 5}, "a journal is a path such as 'runs.db', or has methods `append` and `read`; not 5"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_are_checked_when_the_agent_is_made(settings: dict[str, Any], said: str) -> None:
    """Not in the middle of a run."""
    with pytest.raises(UsageError) as caught:
        agent(**settings)

    assert said in str(caught.value)


def test_a_journal_that_cannot_be_opened_says_what_is_wrong(tmp_path: Path) -> None:
    """A folder that is missing, and one where a file should be."""
    with pytest.raises(JournalError, match="No such file or directory; make the folder '.*nowhere' first"):
        agent(journal=tmp_path / "nowhere" / "runs.db").run("Go.")
    with pytest.raises(JournalError, match="unable to open database file; it must be a file, or none yet, in a folder"):
        agent(journal=tmp_path).run("Go.")


def fork(**options: Any) -> Callable[[CodeAgent, str], Any]:
    return lambda made, run_id: made.fork(run_id, options.pop("step", 1), **options)


def resume(**options: Any) -> Callable[[CodeAgent, str], Any]:
    return lambda made, run_id: made.resume(run_id, **options)


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (resume(approve={"pya": True}), "approve=… speaks of 'pya', and no agent here has such a tool; did you mean 'pay'?"),
        (resume(approve={"pay": "no"}), "one says True, False, an Approval or None, not 'no'"),
        (resume(approve=lambda call, reason: 1), "one says True, False, an Approval or None, not 1"),
        (resume(approve=Approval(approved=True, arguments={"much": 1})), "do not fit 'pay': pay(): "),
        (resume(approve=Approval(approved=True, arguments=[1])), "are a dict by the names of 'pay', not [1]"),  # type: ignore[arg-type]  # the mistake
        (resume(approve=True, settle="maybe"), "settle says 'repeat', 'fail' or Settlement(value=…) about a call"),
        (resume(approve=True, settle={"pay": 5}), "settle says 'repeat', 'fail' or Settlement(value=…) about a call"),
        (resume(approve=True, settle={"order": "fail"}), "settle=… speaks of 'order'"),
        (fork(step="two"), "a step is a number"),
        (fork(reply=5), "a reply is a text as a model writes it, or a Reply; not 5"),
        (fork(edit=lambda event: None), "for a RunStarted it gave None"),
    ],
)  # fmt: skip
def test_words_about_a_stored_run_that_mean_nothing(mistake: Callable[[CodeAgent, str], Any], said: str) -> None:
    """Nothing is done, and the run can go on as it could before."""
    paid.clear()
    journal = MemoryJournal()
    with pytest.raises(RunPaused) as waits:
        agent("final_answer(pay(3))", journal=journal).run("Pay.")
    run_id = waits.value.result.run_id
    with pytest.raises(UsageError) as caught:
        mistake(agent(journal=journal), run_id)

    assert said in str(caught.value)
    assert paid == []
    assert agent(journal=journal).resume(run_id, approve=True) == "paid 3.0"
    assert paid == [3.0]


def test_another_kind_of_agent_is_told(tmp_path: Path) -> None:
    """A run of programs is not gone on with by JSON calls; nothing is done, and the right kind goes on."""
    paid.clear()
    journal = str(tmp_path / "runs.db")
    with pytest.raises(RunPaused) as waits:
        agent("final_answer(pay(3))", journal=journal).run("Pay.", run_id="a")
    with pytest.raises(ReplayDiverged, match="resume it with the kind of agent that began it"):
        ToolCallingAgent([pay], ScriptedModel([]), journal=journal).resume("a", approve=True)

    assert waits.value.result.state == "paused"
    assert agent(journal=journal).resume("a", approve=True) == "paid 3.0"
    assert paid == [3.0]


def test_a_call_that_waits_needs_its_tool() -> None:
    """An agent without it does not go on: the program would have run into an error that it never had."""
    journal = MemoryJournal()
    with pytest.raises(RunPaused) as waits:
        agent("final_answer(pay(3))", journal=journal).run("Pay.", run_id="a")
    before = asyncio.run(_events(journal))
    with pytest.raises(JournalError, match=r"step 1, waits to call pay\(3\), and this agent has no tool 'pay'"):
        CodeAgent([], ScriptedModel([]), journal=journal).resume("a", approve=True)

    assert asyncio.run(_events(journal)) == before
    assert "pay(3)" in str(waits.value)


async def _events(journal: MemoryJournal) -> list[Event]:
    return [event async for event in journal.read("a")]


def test_without_a_journal_a_pause_says_so() -> None:
    """It is not told to resume what is not kept."""
    with pytest.raises(RunPaused, match="it cannot be resumed: its agent has no journal"):
        agent("pay(3)").run("Pay.")


def test_a_secret_is_made_of_a_text_only() -> None:
    """And what is no text is not told."""
    with pytest.raises(TypeError, match="a secret is a text, not int"):
        Secret(123456)  # type: ignore[arg-type]  # the mistake


def test_a_pause_below_names_the_run_to_resume() -> None:
    """That is the one above all: the agents below go on with it."""
    journal = MemoryJournal()
    below = agent("final_answer(pay(3))")
    below.name, below.description = "clerk", "Pays."
    above = CodeAgent(
        [], ScriptedModel([program("final_answer(clerk('Pay.'))")]), managed_agents=[below], journal=journal
    )

    with pytest.raises(RunPaused, match=r"about pay\(3\) .*; resume run 'above' then"):
        above.run("Pay.", run_id="above")
    assert above.resume("above", approve=True) == "paid 3.0"


def test_a_fork_without_a_tool_leaves_nothing_behind() -> None:
    """What it lacks is said with the stored run's own name, and no new run is begun."""
    journal = MemoryJournal()
    agent("x = pay(3)", "final_answer(x)", journal=journal, approver=_yes).run("Pay.", run_id="first")
    without = CodeAgent([], ScriptedModel([]), journal=journal)

    with pytest.raises(JournalError, match=r"run 'first', step 1, has called pay\(3\).*: fork\('first', 1\)"):
        without.fork("first", 2)
    assert list(journal._runs) == ["first"]


def test_a_run_is_named_by_its_id() -> None:
    """Whatever else is given, or a task that is no text, is refused before a journal is asked."""
    made = agent("final_answer(1)", journal=MemoryJournal())
    result = made.run("Go.", return_full_result=True)

    attempts: list[Any] = [made.resume, made.rollback, lambda run: made.fork(run, 1)]
    for attempt in attempts:
        with pytest.raises(UsageError, match=r"a run is named by its id, such as result.run_id, not None"):
            attempt(None)
    with pytest.raises(UsageError, match="a task is a text"):
        made.fork(result.run_id, 1, task=5)


async def _yes(call: Any, reason: str) -> bool:
    return True
