"""What a tool's effect means: what is tried again, and what can be undone."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from codeling import CallCompensated, CodeAgent, Event, JournalError, MemoryJournal, RunPaused, tool
from codeling.journals.archive import summaries
from codeling.testing import ScriptedModel
from tests.core.helpers import program

world: list[str] = []


@pytest.fixture(autouse=True)
def empty_world() -> None:
    """Each test has a world of its own."""
    world.clear()


async def last(journal: MemoryJournal, run_id: str) -> Event:
    """The last event of a stored run."""
    return [event async for event in journal.read(run_id)][-1]


def remove(name: str, result: str) -> None:
    """Undo `create`."""
    if name == "stuck":
        raise OSError("it does not go away")
    world.remove(result)


@tool(compensate=remove)
def create(name: str) -> str:
    """Create something."""
    world.append(f"thing {name}")
    return f"thing {name}"


@tool(effect="irreversible")
def launch(name: str) -> str:
    """Launch something."""
    return name


@tool(effect="read")
def look(name: str) -> str:
    """Look."""
    return name


def test_a_run_is_rolled_back() -> None:
    """The last call is undone first, also below; what cannot be undone is told; nothing is undone twice."""
    journal = MemoryJournal()
    helper = CodeAgent(
        [create], ScriptedModel([program("final_answer(create('below'))")]), name="helper", description="Helps."
    )
    agent = CodeAgent(
        [create, launch, look],
        ScriptedModel(
            [program("create('a')\nlook('x')\nhelper('Go.')\nlaunch('b')\ncreate('stuck')\nfinal_answer(1)")]
        ),
        managed_agents=[helper],
        journal=journal,
    )
    run_id = agent.run("Go.", return_full_result=True).run_id
    assert world == ["thing a", "thing below", "thing stuck"]

    def told(events: list[CallCompensated]) -> list[tuple[str, str | None]]:
        return [(event.call.args[0], event.error) for event in events]

    first = told(agent.rollback(run_id))

    assert world == ["thing stuck"]
    assert [name for name, _ in first] == ["stuck", "b", "below", "a"]
    assert first[0][1] == "OSError: it does not go away"
    assert "'launch' does not say how to undo" in str(first[1][1])
    assert [error for _, error in first[2:]] == [None, None]
    assert [name for name, _ in told(agent.rollback(run_id))] == ["stuck", "b"]


def test_a_run_that_was_rolled_back_is_over() -> None:
    """It is listed as such, gives its answer if it had one, and is not gone on with as if its calls still held."""
    journal = MemoryJournal()

    @tool(needs_approval=True)
    def ask() -> str:
        """Ask."""
        return "asked"

    def team(code: str) -> CodeAgent:
        below = ScriptedModel(lambda messages: program("final_answer(create('below'))"))
        helper = CodeAgent([create], below, name="helper", description="Helps.")
        return CodeAgent([ask], ScriptedModel([program(code)]), managed_agents=[helper], journal=journal)

    with pytest.raises(RunPaused, match="resume run 'waits' then"):
        team("helper('Go.')\nfinal_answer(ask())").run("Go.", run_id="waits")
    assert team("final_answer(helper('Go.'))").run("Go.", run_id="done") == "thing below"
    for run_id in ("waits", "done"):
        assert [event.error for event in team("").rollback(run_id)] == [None]
        assert team("").rollback(run_id) == []

    assert world == []
    assert {run.run_id: run.state for run in asyncio.run(summaries(journal))} == {
        "waits": "rolled back", "done": "rolled back",
    }  # fmt: skip
    assert team("").resume("done") == "thing below"
    with pytest.raises(JournalError, match=r"was rolled back: .*fork\('waits', 1\)"):
        team("").resume("waits", approve=True)
    assert team("").fork("waits", 1, reply=program("final_answer(3)")) == 3
    assert asyncio.run(last(journal, "waits")).at > time.time() - 600


@pytest.mark.parametrize(("effect", "tries"), [("read", 3), ("idempotent", 3), ("write", 1), ("irreversible", 1)])
def test_failures_of_the_moment_are_tried_again(effect: Any, tries: int) -> None:
    """Only where a call may be repeated, only a few times, and never for a failure that will stay."""
    made: list[str] = []

    @tool(effect=effect)
    def flaky(how: str) -> str:
        """Fail for a moment, or for good."""
        made.append(how)
        if how == "wrong":
            raise ValueError("no such thing")
        if made.count("busy") < 3:
            raise ConnectionResetError("the server went away")
        return "there"

    code = "def attempt(how):\n    try:\n        return flaky(how)\n    except Exception as error:\n        return str(error)\n"
    agent = CodeAgent([flaky], ScriptedModel([program(f"{code}final_answer([attempt('busy'), attempt('wrong')])")]))
    busy, wrong = agent.run("Try.")

    assert made.count("busy") == tries
    assert made.count("wrong") == 1
    assert (busy == "there") is (tries == 3)
    assert "no such thing" in wrong
