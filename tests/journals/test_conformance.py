"""What every journal must do, run over each of them."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import multiprocessing
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codeling import (
    AgentDescribed,
    CallCompensated,
    CodeAgent,
    Diverged,
    HandedOver,
    Image,
    JournalError,
    MemoryJournal,
    OutcomeSettled,
    PostgresJournal,
    Reply,
    RunResumed,
    SQLiteJournal,
    ToolCall,
    Usage,
)
from codeling.events import (
    Event,
    ModelReplied,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    ToolCallFinished,
    ToolCallStarted,
)
from codeling.journals.archive import RunSummary, summaries
from codeling.testing import ScriptedModel


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """Each kind of journal in turn, as a function that opens the same one again."""
    if request.param == "postgres":
        url = request.getfixturevalue("postgres")
        opened: list[Any] = []

        def open_again() -> Any:
            opened.append(PostgresJournal(url))
            return opened[-1]

        yield open_again
        for one in opened:
            one.close()
    elif request.param == "memory":
        only = MemoryJournal()
        yield lambda: only
    else:
        yield lambda: SQLiteJournal(tmp_path / "runs.db")


@pytest.fixture
def journal(make: Callable[[], Any]) -> Any:
    """A journal of each kind."""
    return make()


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
        AgentDescribed(run_id="a", at=6.0, options={"model": "openai:x", "tools": ["a.py"]}),
        OutcomeSettled(run_id="a", at=7.0, call=call, value=(1,)),
        CallCompensated(run_id="a", at=8.0, call=call, error="no"),
        Diverged(run_id="a", at=9.0, step=1, what="call", expected="f(1)"),
        HandedOver(run_id="a", at=10.0, agent="other", nested="b", answer={1}),
        RunResumed(run_id="a", at=11.0),
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


def test_large_values_are_stored_once(journal: Any) -> None:
    """A text, a picture and a long list come back as they were, also inside of other values, however often."""
    text, rows = "\ud800\0 long " * 2000, [{"n": n, "blobs": [["x"], "y"]} for n in range(2000)]
    value = {"@": "Image", "deep": [{"text": text}, rows, {"@": "blob"}], "data": text}
    events = [
        RunStarted(run_id="a", task=text, images=(Image(b"p" * 9000),), variables={"rows": rows}),
        *(ToolCallFinished(run_id="a", call_id=str(n), value=value) for n in range(3)),
        ToolCallFinished(run_id="a", call_id="x", value={"@": "plain", "value": 1}),
    ]

    async def work() -> None:
        for event in events:
            await journal.append(event)

    asyncio.run(work())

    assert read(journal, "a") == events


def test_a_run_is_held_by_one(make: Callable[[], Any]) -> None:
    """Who comes second is told so, through another connection too; when the first lets go it can be had."""
    one, two = make(), make()

    async def work() -> list[bool]:
        async with one.hold("a") as first, two.hold("a") as second, one.hold("a") as third, two.hold("b") as other:
            seen = [first, second, third, other]
        async with two.hold("a") as again:
            return [*seen, again]

    assert asyncio.run(work()) == [True, False, False, True, True]


def test_runs_are_listed_newest_first(journal: Any) -> None:
    """With their state, task, steps and cost; those below another run only when they are asked for."""
    usage = Usage(input_tokens=5, cost=0.25)
    events = [
        RunStarted(run_id="a", at=1.0, task="First.", agent="ann"),
        StepStarted(run_id="a", at=2.0, step=1),
        ModelReplied(run_id="a", at=3.0, reply=Reply(content="x", usage=usage)),
        RunStarted(run_id="below", at=3.5, task="Below.", parent_id="a"),
        RunStarted(run_id="b", at=4.0, task="Second."),
        StepStarted(run_id="b", at=5.0, step=1),
        StepStarted(run_id="b", at=6.0, step=2),
        RunFinished(run_id="b", at=7.0, state="success", output=1, usage=usage + usage),
    ]

    async def work() -> tuple[list[RunSummary], list[RunSummary]]:
        for event in events:
            await journal.append(event)
        async with journal.hold("below"):
            return await summaries(journal), await summaries(journal, nested=True)

    runs, all_runs = asyncio.run(work())

    assert [(run.run_id, run.state, run.steps, run.usage.cost) for run in runs] == [
        ("b", "success", 2, 0.5), ("a", "cut off", 1, 0.25),
    ]  # fmt: skip
    assert [(run.run_id, run.state) for run in all_runs] == [("b", "success"), ("below", "running"), ("a", "cut off")]
    assert (runs[1].task, runs[1].agent, runs[1].started, runs[1].ended) == ("First.", "ann", 1.0, 3.0)


def _write(kind: str, path: str, number: int) -> None:
    journal: Any = PostgresJournal(path) if kind == "postgres" else SQLiteJournal(path)

    async def work() -> None:
        for step in range(50):
            await journal.append(StepFinished(run_id=f"run{number % 2}", step=step))

    asyncio.run(work())
    journal.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_many_processes_write_one_journal(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    """Nothing is lost and nothing fails when several processes append at once, also to one run."""
    path = request.getfixturevalue("postgres") if kind == "postgres" else str(tmp_path / "runs.db")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write, args=(kind, path, number)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    journal: Any = PostgresJournal(path) if kind == "postgres" else SQLiteJournal(path)
    assert [process.exitcode for process in processes] == [0] * 4
    assert [len(read(journal, run_id)) for run_id in ("run0", "run1")] == [100, 100]
    journal.close()


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


def test_a_database_that_cannot_be_used_is_a_clear_error(postgres: str) -> None:
    """One of a newer version is left alone, one that is not there is named without its password."""
    import psycopg

    journal = PostgresJournal(postgres)
    asyncio.run(journal.append(RunStarted(run_id="a", task="x")))
    journal.close()
    with psycopg.connect(postgres) as connection:
        connection.execute("UPDATE codeling_meta SET version = 99")
    newer, gone = PostgresJournal(postgres), PostgresJournal("postgresql://ann:pass-word@127.0.0.1:1/runs")
    with pytest.raises(JournalError, match="is of version 99; update codeling to use it"):
        asyncio.run(newer.append(StepStarted(run_id="a", step=1)))
    with pytest.raises(JournalError, match="'127.0.0.1:1/runs': an event of run 'a' was not kept: .*refused") as caught:
        asyncio.run(gone.append(RunStarted(run_id="a", task="x")))
    newer.close()
    gone.close()

    assert "pass-word" not in str(caught.value)
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT count(*) FROM codeling_events").fetchone() == (1,)


def test_a_server_that_goes_away_is_a_clear_error_once(postgres: str) -> None:
    """Whose connections it has ended is told so; the next event is kept on a new one."""
    import psycopg

    journal = PostgresJournal(postgres, connections=1)
    asyncio.run(journal.append(RunStarted(run_id="a", task="x")))
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    with pytest.raises(JournalError, match="an event of run 'a' was not kept"):
        asyncio.run(journal.append(StepStarted(run_id="a", step=1)))
    asyncio.run(journal.append(StepStarted(run_id="a", step=2)))

    assert [event.step for event in read(journal, "a")[1:]] == [2]  # type: ignore[attr-defined]  # they are StepStarted
    journal.close()


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
