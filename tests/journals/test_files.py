"""The file of a SQLite journal: old ones are read for ever, and whatever is wrong with one is said and harms nothing."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from codeling import CodeAgent, Interrupted, JournalError, OutcomeUnknown, SQLiteJournal, tool
from codeling.cli import main
from codeling.events import Event, RunStarted, StepFinished, ToolCallFinished
from codeling.journals.archive import summaries
from codeling.testing import ScriptedModel, replay
from tests.core.helpers import program

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.sampled_from([[], {}, [[1]], 10**30, {"$": "tuple", "v": [1]}, {"@": "Usage"}, {"@": "Reply"}, {"@": "tuple", "items": 1}]),
)  # fmt: skip
OLD = Path(__file__).parents[1] / "data" / "journals"
"""One file for each version that was ever used; see its README."""


@pytest.fixture(params=sorted(OLD.glob("*.db")), ids=lambda path: str(path.stem))
def old(request: pytest.FixtureRequest, tmp_path: Path) -> SQLiteJournal:
    """A copy of each old file."""
    return SQLiteJournal(shutil.copy(request.param, tmp_path / "runs.db"))


@tool
def act(number: int) -> int:
    """Act."""
    return number * 10


@tool(needs_approval=True, effect="irreversible")
def pay(amount: float, to: str) -> str:
    """Pay."""
    return f"paid {amount} to {to}"


def runs(journal: SQLiteJournal) -> dict[str, Any]:
    """The runs of a journal, by their tasks."""
    return {run.task: run for run in asyncio.run(_summaries(journal))}


async def _summaries(journal: SQLiteJournal) -> list[Any]:
    return await summaries(journal, nested=True)


def events(journal: SQLiteJournal, run_id: str) -> list[Event]:
    """All events of a run."""

    async def work() -> list[Event]:
        return [event async for event in journal.read(run_id)]

    return asyncio.run(work())


def test_old_runs_are_read(old: SQLiteJournal) -> None:
    """Every run of an old file is listed and read, with its values, pictures and ends."""
    found = runs(old)
    whole = {task: events(old, run.run_id) for task, run in found.items()}

    assert {task: run.state for task, run in found.items()} == {
        "Gather.": "success", "Pay.": "paused", "Call.": "success", "Delegate.": "success", "Do six.": "success",
        "Try.": "success", "Fail.": "failed", "Short.": "max_steps_error", "Be killed.": "cut off",
    }  # fmt: skip
    assert found["Do six."].parent_id == found["Delegate."].run_id
    started = whole["Gather."][0]
    assert isinstance(started, RunStarted)
    assert started.variables == {"table": [{"x": 1}, {"x": 2}]}
    assert started.images[0].data.startswith(b"\x89PNG")
    last = [event for event in whole["Gather."] if isinstance(event, StepFinished)][-1]
    assert list(last.answer["c"]) == [0, 1, 2]


def test_old_runs_go_on(old: SQLiteJournal) -> None:
    """One that waited for a person is answered; one that was killed in a call says so, and is settled."""
    found = runs(old)
    agent = CodeAgent([act, pay], ScriptedModel([]), journal=old)

    assert agent.resume(found["Pay."].run_id, approve=True) == "paid 40.5 to Ann"
    with pytest.raises(OutcomeUnknown, match=r"act\(9\)"):
        agent.resume(found["Be killed."].run_id)
    assert agent.resume(found["Be killed."].run_id, settle={"act": "repeat"}) == [80, 90]


def test_old_runs_repeat_themselves(old: SQLiteJournal) -> None:
    """An old run is played again without the world and without a difference."""
    found = runs(old)

    for task in ("Pay.", "Call.", "Delegate.", "Be killed.", "Short."):
        assert replay(events(old, found[task].run_id)).diverged == ()


def test_a_locked_file_is_a_clear_error(tmp_path: Path) -> None:
    """Who waits for a lock in vain is told so; the run is as it was."""
    path = tmp_path / "runs.db"
    journal = SQLiteJournal(path, patience=0.1)
    asyncio.run(journal.append(RunStarted(run_id="a", task="x")))
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="database is locked; another process keeps it locked"):
            asyncio.run(journal.append(StepFinished(run_id="a", step=1)))
    other.close()

    assert len(events(journal, "a")) == 1


FULL = """
import asyncio, resource, sys
from codeling import JournalError, SQLiteJournal
from codeling.events import RunStarted, StepFinished
journal = SQLiteJournal(sys.argv[1])
async def work():
    await journal.append(RunStarted(run_id="a", task="x"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    for step in range(1000):
        await journal.append(StepFinished(run_id="a", step=step, output=str(step) * 2000))
        print(step, flush=True)
try:
    asyncio.run(work())
except JournalError as error:
    print(error)
"""


def test_a_full_disk_is_a_clear_error(tmp_path: Path) -> None:
    """A file that cannot grow stops the run with what to do; whatever was stored before is there."""
    path = tmp_path / "runs.db"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True, timeout=300
    )
    *steps, said = done.stdout.splitlines()

    assert "an event of run 'a' was not kept" in said
    assert "make room on its disk, then resume the run: what is stored is sound" in said
    assert len(events(SQLiteJournal(path), "a")) == len(steps) + 1


HELD = """
import sys
from codeling import CodeAgent
from codeling.testing import ScriptedModel
import time
def reply(messages):
    print("under way", flush=True)
    time.sleep(600)
CodeAgent([], ScriptedModel(reply), journal=sys.argv[1]).run("Go.", run_id="a")
"""


def test_two_processes_do_not_work_on_one_run(tmp_path: Path) -> None:
    """While one process has the run no other can resume it, and it is listed as running; once it is killed, one can."""
    path = tmp_path / "runs.db"
    agent = CodeAgent([], ScriptedModel([program("final_answer(1)")]), journal=str(path))
    with subprocess.Popen([sys.executable, "-c", HELD, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "under way\n"
        before = len(events(SQLiteJournal(path), "a"))
        with pytest.raises(JournalError, match="under way already, here or in another process"):
            agent.resume("a")
        assert runs(SQLiteJournal(path))["Go."].state == "running"
        process.kill()

    assert len(events(SQLiteJournal(path), "a")) == before
    assert runs(SQLiteJournal(path))["Go."].state == "cut off"
    assert agent.resume("a") == 1


def test_two_hundred_runs_at_once(tmp_path: Path) -> None:
    """They journal into one file without an error, and each is whole."""
    journal = SQLiteJournal(tmp_path / "runs.db")

    async def work() -> list[Any]:
        from codeling import ToolCall, ToolCallingAgent

        def reply(messages: Any) -> Any:
            number = int(messages[-1].content.rsplit(" ", 1)[-1]) if messages[-1].role == "user" else None
            return [ToolCall(id="1", name="act", args=(number,))] if number is not None else messages[-1].content

        agent = ToolCallingAgent([act], ScriptedModel(reply, delay=0.01), journal=journal)
        return list(await asyncio.gather(*(agent.arun(f"Act on {n}", run_id=f"run{n}") for n in range(200))))

    answers = asyncio.run(work())
    sizes = Counter(len(events(journal, f"run{n}")) for n in range(200))

    assert answers == [str(n * 10) for n in range(200)]
    assert len(runs(journal)) == 200
    assert len(sizes) == 1


@pytest.mark.parametrize("large", [False, True])
def test_a_damaged_event_is_named(tmp_path: Path, large: bool) -> None:
    """Which file, which run, which event; other runs of the file can be read."""
    path = tmp_path / "runs.db"
    agent = CodeAgent([], ScriptedModel(lambda _: program(f"final_answer('{'x' * 9000 * large}')")), journal=str(path))
    for run_id in ("hurt", "sound"):
        agent.run("Go.", run_id=run_id)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE events SET event = substr(event, 2) WHERE run_id = 'hurt' AND event LIKE '%RunFinished%'"
        )

    with pytest.raises(JournalError, match=r"runs.db': run 'hurt', event \d+: a stored event cannot be read"):
        agent.resume("hurt")
    assert len(events(SQLiteJournal(path), "sound")) > 5
    listed = asyncio.run(summaries(SQLiteJournal(path)))
    assert {run.run_id: run.state for run in listed} == {"sound": "success", "hurt": "damaged"}
    assert "run 'hurt', event" in next(run.error or "" for run in listed if run.run_id == "hurt")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("event", ["RunStarted", "ModelReplied", "StepFinished", "RunFinished"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), value=VALUES)
def test_whatever_stands_in_a_field_is_shown_or_refused_in_words(
    event: str, place: int, value: Any, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A record that somebody has changed never ends a command with a traceback."""
    file = here / "whole.db"
    if not file.exists():
        model = ScriptedModel([program("print(1)"), program("final_answer((1, 'a'))")])
        CodeAgent([], model, journal=SQLiteJournal(file)).run("Go.", run_id="one")
    changed = here / "changed.db"
    with closing(sqlite3.connect(file)) as whole, closing(sqlite3.connect(changed)) as database, database:
        whole.backup(database)
        number, text = database.execute(
            "select number, event from events where event like ?", [f'%"{event}"%']
        ).fetchone()
        record = json.loads(text)
        found = list(places(record))
        holder, key = found[place % len(found)]
        holder[key] = value
        database.execute("update events set event = ? where number = ?", [json.dumps(record), number])

    for command in ("show", "trace"):
        code = main([command, "one", "--journal", str(changed)])
        said = capsys.readouterr()
        assert code == 0 or (code == 1 and said.err.startswith("codeling: ")), said.err
    assert main(["runs", "--journal", str(changed)]) in {0, 1}


def places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in JSON data: what holds it, and its key there."""
    for key in list(data) if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ():
        yield data, key
        yield from places(data[key])


def test_a_call_that_ends_after_its_run(tmp_path: Path) -> None:
    """A tool that blocks goes on when its run is interrupted; its end is stored, and the run is not taken for one cut off."""
    journal, begun, ended = SQLiteJournal(tmp_path / "runs.db"), threading.Event(), threading.Event()

    @tool
    def block() -> int:
        """Block."""
        begun.set()
        ended.wait(60)
        return 5

    agent = CodeAgent([block], ScriptedModel([program("final_answer(block())")]), journal=journal)
    threading.Thread(target=lambda: agent.interrupt() if begun.wait(60) else None).start()
    with pytest.raises(Interrupted):
        agent.run("Block.", run_id="a")
    ended.set()
    while not isinstance(events(journal, "a")[-1], ToolCallFinished):
        time.sleep(0.01)

    assert runs(journal)["Block."].state == "interrupted"
    assert agent.resume("a") == 5
