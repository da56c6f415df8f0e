"""Runs whose tools gave objects that are no data, read and resumed where these objects are gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codeling import CodeAgent, RunPaused, tool, trace_html
from codeling.testing import ScriptedModel, replay
from tests.core.helpers import program


class Connection:
    """An object that lives in this process."""

    def __init__(self, place: str) -> None:
        self.place = place


opened: list[str] = []


@tool
def connect(place: str) -> Connection:
    """Open a connection."""
    opened.append(place)
    return Connection(place)


@tool
def ask(connection: Connection) -> str:
    """Say where a connection goes."""
    return connection.place


@tool(needs_approval=True)
def confirm() -> str:
    """Ask a person."""
    return "confirmed"


def agent(journal: Path, *programs: str) -> CodeAgent:
    """Give an agent that opens the journal anew, as another process would."""
    model = ScriptedModel([program(code) for code in programs])
    return CodeAgent([connect, ask, confirm], model, journal=str(journal))


def paused(journal: Path) -> Any:
    """Give a run that waits for a person, with a connection open."""
    with pytest.raises(RunPaused) as pause:
        agent(journal, "there = connect('here')\nprint(ask(there), there)\nconfirm()").run("Go.", run_id="first")
    return pause.value.result


def test_a_run_with_live_objects_is_resumed_without_them(tmp_path: Path) -> None:
    """Calls that were made with one are recalled; a further call with it is an error, and a new one may be had."""
    paused(tmp_path / "runs.db")
    before = len(opened)
    try_it = "try:\n    ask(there)\nexcept Exception as error:\n    print(error)"
    later = agent(tmp_path / "runs.db", try_it, "final_answer(ask(connect('there')))")
    result = later.resume("first", approve=True, return_full_result=True)

    assert result.output == "there"
    assert (
        "Connection #1> was an object of a process that has ended, and has no 'place' any more"
        in result.steps[1].output
    )
    assert opened[before:] == ["there"]
    assert replay(result).diverged == ()


def test_a_run_with_live_objects_can_be_read_anywhere(tmp_path: Path) -> None:
    """It is shown with what the object was called, and its answer can be had, also where that is such an object."""
    journal = tmp_path / "runs.db"
    first = agent(journal, "final_answer(connect('here'))").run("Go.", return_full_result=True)
    again = agent(journal).resume(first.run_id, return_full_result=True)

    assert isinstance(first.output, Connection)
    assert repr(again.output) == "<tests.durable.test_live_objects.Connection #1>"
    assert "Connection #1" in trace_html(again.events)
