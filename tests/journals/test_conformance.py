"""What every journal must do, run over each of them."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import multiprocessing
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codeling import CodeAgent, Image, JournalError, MemoryJournal, Reply, SQLiteJournal, ToolCall, Usage
from codeling.events import Event, ModelReplied, RunStarted, StepFinished, ToolCallFinished, ToolCallStarted
from codeling.testing import ScriptedModel

Make = Callable[[Path], Any]


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Each journal in turn."""
    return MemoryJournal() if request.param == "memory" else SQLiteJournal(tmp_path / "runs.db")


def read(journal: Any, run_id: str) -> list[Event]:
    """All events of a run."""

    async def work() -> list[Event]:
        return [event async for event in journal.read(run_id)]

    return asyncio.run(work())


def test_events_come_back_as_they_were(journal: Any) -> None:
    """In their order, with their values; other runs apart; none for an unknown run."""
    call = ToolCall(id="1", name="f", args=(1, (2, {3})), kwargs={"when": dt.date(2026, 1, 2)})
    usage = Usage(input_tokens=3, cost=0.5)
    events = [
        RunStarted(run_id="a", at=1.0, task="Do.", images=(Image(b"png"),), variables={"x": {1: b"y"}}),
        ModelReplied(
            run_id="a", at=2.0, reply=Reply(content="\ud800 text", calls=(call,), usage=usage, extra={"k": [1]})
        ),
        ToolCallStarted(run_id="a", at=3.0, call=call, arguments={"z": 1}),
        ToolCallFinished(run_id="a", at=4.0, call_id="1", value=10**40),
        StepFinished(run_id="a", at=5.0, step=1, answer=float("inf"), final=True, images=(Image(b"i"), Image(b"j"))),
    ]

    async def work() -> None:
        for event in events:
            await journal.append(event)
            await journal.append(RunStarted(run_id="b", task="Other."))

    asyncio.run(work())

    assert read(journal, "a") == events
    assert len(read(journal, "b")) == len(events)
    assert read(journal, "nope") == []


def test_equal_calls_have_one_key(journal: Any) -> None:
    """The key depends on the name and the values, not on the id or on order that does not matter."""
    one = ToolCall(id="1", name="f", args=({1, 2, 30},), kwargs={"a": 1, "b": {"x": 1, "y": 2}})
    two = ToolCall(id="2", name="f", args=({30, 2, 1},), kwargs={"b": {"y": 2, "x": 1}, "a": 1})

    assert journal.key(one) == journal.key(two)
    assert journal.key(one) != journal.key(ToolCall(id="1", name="f", args=({1, 2},)))


def test_a_run_is_read_from_its_journal(journal: Any) -> None:
    """What an agent stores is the durable part of what it did."""
    agent = CodeAgent([], ScriptedModel(["```python\nprint(1)\nfinal_answer({'a': 1})\n```"]), journal=journal)
    result = agent.run("Go.", return_full_result=True)

    assert read(journal, result.run_id) == list(result.events)


def _write(path: str, number: int) -> None:
    journal = SQLiteJournal(path)

    async def work() -> None:
        for step in range(50):
            await journal.append(StepFinished(run_id=f"run{number % 2}", step=step))

    asyncio.run(work())


def test_many_processes_write_one_file(tmp_path: Path) -> None:
    """Nothing is lost and nothing fails when several processes append at once, also to one run."""
    path = str(tmp_path / "runs.db")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write, args=(path, number)) for number in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0] * 6
    assert len(read(SQLiteJournal(path), "run0")) == len(read(SQLiteJournal(path), "run1")) == 150


@pytest.mark.parametrize("spoil", ["corrupt", "newer", "folder"])
def test_a_file_that_cannot_be_used_is_a_clear_error(tmp_path: Path, spoil: str) -> None:
    """A corrupt file, one of a newer version and a missing folder say what is wrong, and change nothing."""
    path = tmp_path / "runs.db"
    if spoil == "corrupt":
        path.write_bytes(b"this is no database" * 100)
    elif spoil == "newer":
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version=99")
        connection.close()
    else:
        path = tmp_path / "nowhere" / "runs.db"
    before = path.read_bytes() if path.exists() else b""
    with pytest.raises(JournalError, match=str(path.name)):
        asyncio.run(SQLiteJournal(path).append(RunStarted(run_id="a", task="x")))

    assert (path.read_bytes() if path.exists() else b"") == before


def test_an_event_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """A stored event that this version does not know is a JournalError that says to update."""
    journal = SQLiteJournal(tmp_path / "runs.db")
    asyncio.run(journal.append(RunStarted(run_id="a", task="x")))
    journal.close()
    with sqlite3.connect(tmp_path / "runs.db") as connection:
        connection.execute("UPDATE events SET event = ?", (json.dumps({"event": "MindRead", "format": 7}),))
    connection.close()

    with pytest.raises(JournalError, match="update codeling"):
        read(SQLiteJournal(tmp_path / "runs.db"), "a")
