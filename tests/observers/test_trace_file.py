"""The trace file: what is in it, and that nothing in a run can break out of it. Seen by a browser in `test_trace_page.py`."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codeling import Image, SandboxExecutor, SQLiteJournal, TerminalObserver, TraceFile, trace_html
from codeling.events import CodeStarted, Event, ModelReplied, RunFinished, RunStarted, StepFinished, StepStarted
from codeling.messages import Reply
from codeling.protocols import Approval

from .helpers import HOSTILE, agent, reply, run, seen, team


def data_of(page: str) -> dict[str, Any]:
    """Give the data that stand in a page."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def first_of(page: str) -> dict[str, Any]:
    """Give the run that a page is about."""
    data = data_of(page)
    first: dict[str, Any] = data["runs"][data["first"]]
    return first


def test_a_page_is_written_when_the_run_ends(tmp_path: Path) -> None:
    """One file, whole, with the task, every step, what it cost, and the runs below inside the calls that made them."""
    result = run(team(observers=[TraceFile(tmp_path / "out.html")]))
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    told = first_of(page)
    helper = next(call for call in told["steps"][2]["calls"] if call["name"] == "helper")

    assert [path.name for path in tmp_path.iterdir()] == ["out.html"]
    assert told["id"] == result.run_id
    assert told["state"] == "success"
    assert [step["n"] for step in told["steps"]] == [1, 2, 3, 4]
    assert told["usage"] | {"in": 400, "out": 40, "cached": 160, "cost": 2.0} == told["usage"]
    assert data_of(page)["runs"][helper["run"]]["agent"] == "helper"
    assert data_of(page)["runs"][helper["run"]]["steps"][0]["out"] == [[1, "hm\n"]]


@pytest.mark.parametrize("programs", [40, 0], ids=["long", "nested"])
def test_the_page_of_a_run_is_that_of_its_events(tmp_path: Path, programs: int) -> None:
    """What is made of a run while it goes on is what is made of its events afterwards."""
    code = [f"number = {n}\nprint('x' * number, double(number))" for n in range(programs)]
    made = agent(*code, "final_answer([1])", max_steps=50) if programs else team()
    events = seen_with(TraceFile(tmp_path / "out.html"), made)

    assert data_of((tmp_path / "out.html").read_text(encoding="utf-8")) == data_of(trace_html(events))


def seen_with(observer: TraceFile, made: Any) -> list[Event]:
    """Run a task to its end; give its events, which the observer sees too."""
    events: list[Event] = []
    run(made, observers=[events.append, observer])
    return events


def test_a_page_that_cannot_be_written_harms_no_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The run gives its answer, and the log says which file it was."""
    (tmp_path / "taken").write_text("")
    result = run(agent("final_answer(1)", observers=[TraceFile(tmp_path / "taken" / "out.html")]))

    assert result.output == 1
    assert "taken" in caplog.text


def test_a_path_with_the_run_in_it_gives_a_file_a_run(tmp_path: Path) -> None:
    """Several runs of one agent have each its own page."""
    made = agent("final_answer(1)", "final_answer(2)", observers=[TraceFile(tmp_path / "runs" / "{run_id}.html")])
    ids = {run(made).run_id, run(made).run_id}

    assert {path.stem for path in (tmp_path / "runs").iterdir()} == ids


def test_lines_have_their_output_and_calls() -> None:
    """Each piece of output and each call is told with the line of the program that made it, in threads and loops too."""
    code = "print('one')\nfor i in range(2):\n    print(double(i))\ndef later():\n    print('in', double(9))\nlater()"
    step = first_of(trace_html(run(agent(code, "final_answer(1)")).events))["steps"][0]

    assert step["out"] == [[1, "one\n"], [3, "0\n2\n"], [5, "in 18\n"]]
    assert [(call["name"], call["line"]) for call in step["calls"]] == [("double", 3), ("double", 3), ("double", 5)]


def test_calls_at_once_overlap() -> None:
    """Calls that ran at the same time have times that overlap, so that the page puts them into lanes."""
    one, two = first_of(trace_html(run(team()).events))["steps"][0]["calls"]

    assert max(one["t0"], two["t0"]) < min(one["t1"], two["t1"])


def test_messages_are_what_the_model_was_sent() -> None:
    """The conversation that the page rebuilds is the one that went to the model, at every step."""
    made = agent("print(double(2))", "1/0", "print('x')", "print('x')", "final_answer(1)", instructions="Be brief.")
    result = run(made)
    told = first_of(trace_html(result.events))
    now: list[int] = []
    for step, request in zip(told["steps"], made._model.requests, strict=True):  # type: ignore[attr-defined]
        now = now[: step["model"]["keep"]] + step["model"]["new"]

        assert [told["messages"][place]["text"] for place in now] == [message.content for message in request.messages]


def test_the_last_call_for_an_answer_is_among_the_messages() -> None:
    """A run out of steps shows how it was asked for its best answer."""
    made = agent("1", "2", "final_answer(3)", max_steps=2)
    told = first_of(trace_html(run(made).events))
    last = made._model.requests[-1].messages[-1].content  # type: ignore[attr-defined]

    assert told["messages"][told["steps"][-1]["model"]["new"][-1]]["text"] == last


def test_tables_and_pictures() -> None:
    """Data frames and lists of rows are tables, pictures are pictures, and what is no known picture is a note."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"city": ["Oslo", "Ghent"], "price": [141.0, 118.25]})
    draw = "from PIL import Image\ndisplay(Image.new('RGB', (8, 8), 'red'))\nfinal_answer([{'a': 1, 'b': 2}, {'a': 3, 'b': 4}])"
    svg = Image(b"<svg onload='x()'/>", "image/svg+xml")
    told = first_of(trace_html(run(agent(draw), additional_args={"frame": frame, "svg": svg}).events))
    table, note = told["variables"][0][1]["table"], told["variables"][1][1]

    assert table["columns"] == ["", "city", "price"]
    assert table["rows"] == [["0", "Oslo", "141.0"], ["1", "Ghent", "118.25"]]
    assert note == {"text": "[picture: image/svg+xml, 0.0 kB]"}
    assert told["answer"]["table"]["rows"] == [["1", "2"], ["3", "4"]]
    assert told["steps"][0]["images"][0]["image"].startswith("data:image/png;base64,iVBOR")


def test_nothing_breaks_out_of_the_data() -> None:
    """Markup of a task, program, output, value, error and answer stays inside the block of data, controls made visible."""
    code = f"hostile = {HOSTILE!r}\nprint(hostile)\nhostile"
    result = run(agent(code, f"raise ValueError({HOSTILE!r})", f"final_answer({HOSTILE!r})"), f"Do {HOSTILE}")
    page = trace_html(result.events)
    outside = re.sub(r'(?<=id="data">).*?(?=</script>)', "", page, flags=re.DOTALL)

    assert page.count("<script") == 2
    assert page.count("</script>") == 2
    assert "<!--" not in page
    assert "<img src=x" not in outside
    assert not {"\x1b", "\x07", "\u202e"} & set(page)
    assert "\\x1b[31m \\u202e" in first_of(page)["steps"][0]["out"][0][1]
    assert "default-src 'none'" in page
    assert "unsafe" not in page.split("<style>")[0]


def test_a_flood_makes_a_page_of_a_bearable_size() -> None:
    """Output, values and arguments of many megabytes are cut, and how much is left out is said."""
    code = "big = 'x' * 6_000_000\nprint(big)\nfor i in range(3000):\n    print(i)\nfinal_answer(big)"
    page = trace_html(run(agent(code)).events)

    assert len(page) < 200_000
    assert "characters are left out" in page


def test_a_run_that_was_cut_off_shows_what_there_is() -> None:
    """However many of its events are there, there is a page, and it says that the run did not finish."""
    events = seen(team())
    for count in range(len(events) + 1):
        told = data_of(trace_html(events[:count]))

        assert not count or told["runs"][told["first"]]["state"] == (
            "success" if count == len(events) else "unfinished"
        )


def test_events_without_their_beginning_are_shown() -> None:
    """Strange events in a strange order make a page as well."""
    events: list[Event] = [
        StepFinished(run_id="x", step=3, output="late"), ModelReplied(run_id="x", reply=Reply(content="hm")),
        RunFinished(run_id="x", state="failed", error="broke"), StepStarted(run_id="x", step=1),
        CodeStarted(run_id="x", step=1, code="1"), RunStarted(run_id="x", task="again"),
    ]  # fmt: skip
    told = first_of(trace_html(events))

    assert told["state"] == "unfinished"  # a step began after its end
    assert [step["n"] for step in told["steps"]] == [1]
    assert first_of(trace_html(reversed(events)))["task"] == "again"


def test_approvals_and_denials_are_told() -> None:
    """A call that a person refused is there, with what was asked and said."""

    async def no(call: Any, reason: str, /) -> Approval:
        return Approval(approved=False, reason="not today")

    call = first_of(trace_html(run(agent("launch('Moon')", "final_answer(1)", approver=no)).events))["steps"][0][
        "calls"
    ][0]

    assert call["state"] == "denied"
    assert call["asked"]["approved"] is False
    assert call["asked"]["said"] == "not today"


def test_a_conversation_goes_on_from_the_run_before() -> None:
    """A run that continues another shows the whole conversation, where the events of both are there."""
    made = agent("x = 1\nfinal_answer(x)", "final_answer(x + 1)")
    first = made.run("One.", return_full_result=True)
    second = made.run("Two.", return_full_result=True, reset=False)
    made.close()
    told = data_of(trace_html([*first.events, *second.events]))["runs"][second.run_id]
    sent = made._model.requests[-1].messages  # type: ignore[attr-defined]

    assert len(told["steps"][0]["model"]["new"]) == len(sent)


KILLED = """
import os, sys
from codeling import CodeAgent, tool
from codeling.testing import ScriptedModel

@tool
def kill(me: int) -> int:
    "Ends this process at once."
    os.kill(os.getpid(), 9)
    return me

model = ScriptedModel(["```python\\nprint('before')\\n```", "```python\\nkill(1)\\n```"])
CodeAgent([kill], model, journal=sys.argv[1]).run("Do it.")
"""


def test_a_killed_run_can_be_seen(tmp_path: Path) -> None:
    """The page of a run whose process was killed in the middle of a call shows the call as never finished."""
    path, page = tmp_path / "runs.db", tmp_path / "out.html"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, capture_output=True, timeout=300)
    assert done.returncode == -signal.SIGKILL
    command = [sys.executable, "-m", "codeling", "trace", "last", "--journal", str(path), "--html", str(page)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    told = first_of(page.read_text(encoding="utf-8"))

    show = [sys.executable, "-m", "codeling", "show", "last", "--journal", str(path)]
    text = subprocess.run(show, check=True, capture_output=True, timeout=300, text=True).stdout

    assert text.endswith(f"`codeling resume {told['id'][:12]} --journal {path}` goes on with it.\n")
    assert text.index("kill(1)") < text.index("Here it ends: it was cut off, or is still under way.")
    assert told["state"] == "unfinished"
    assert told["steps"][0]["out"] == [[1, "before\n"]]
    assert told["steps"][1]["calls"][0]["state"] == "open"
    assert told["steps"][1]["unfinished"]


def test_a_gigabyte_is_no_burden(tmp_path: Path) -> None:
    """Of a gigabyte of hostile output page and terminal show the beginning, stay small, and say how much there was."""
    flood = "hostile = '</script><script>alert(1)</script>\\x1b[2J'\nfor _ in range(1000):\n    print(hostile * 30_000)"
    terminal = io.StringIO()
    watching = [TraceFile(tmp_path / "out.html"), TerminalObserver(terminal)]
    executor = SandboxExecutor(timeout=400)
    run(agent(flood, "final_answer(1)", executor=executor, observers=watching))
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    step = first_of(page)["steps"][0]

    assert step["unkept"] > 990_000_000
    assert len(page) < 400_000
    assert page.count("<script") == 2
    assert len(terminal.getvalue()) < 20_000
    assert f"{step['unkept']:,} more bytes were printed than the executor keeps" in terminal.getvalue()
    assert "\x1b" not in terminal.getvalue()


def test_a_file_that_cannot_be_written_harms_no_run(tmp_path: Path) -> None:
    """The run gives its answer; the failure is logged."""
    (tmp_path / "taken").write_text("")

    assert run(agent("final_answer(5)", observers=[TraceFile(tmp_path / "taken" / "out.html")])).output == 5


def test_an_old_journal_can_be_seen(tmp_path: Path) -> None:
    """Events as the first version wrote them, without lines, tools and instructions, make a page."""
    journal = SQLiteJournal(tmp_path / "old.db")
    result = run(agent("print(double(1))", "final_answer(1)", journal=journal))
    new = ("lines", "line", "tools", "instructions", "nested")
    connection = journal._open()
    for number, text in connection.execute("SELECT number, event FROM events").fetchall():
        old = json.dumps(without(json.loads(text), new))
        connection.execute("UPDATE events SET event = ? WHERE number = ?", (old, number))
    connection.commit()
    journal.close()
    command = [
        sys.executable,
        "-m",
        "codeling",
        "trace",
        result.run_id[:6],
        "--journal",
        str(tmp_path / "old.db"),
        "--html",
        "-",
    ]
    page = subprocess.run(command, check=True, capture_output=True, timeout=300, text=True).stdout
    step = first_of(page)["steps"][0]

    assert step["out"] == [[0, "2\n"]]
    assert step["calls"][0]["line"] == 0


def without(data: Any, names: tuple[str, ...]) -> Any:
    """Give JSON data without some keys."""
    if isinstance(data, list):
        return [without(item, names) for item in data]
    return {k: without(v, names) for k, v in data.items() if k not in names} if isinstance(data, dict) else data


def test_replies_in_the_script_cost_what_they_say() -> None:
    """The tokens and the money of each step are told beside it."""
    step = first_of(trace_html(run(agent("final_answer(1)")).events))["steps"][0]

    assert (step["model"]["in"], step["model"]["cached"], step["model"]["cost"]) == (100, 40, reply("").usage.cost)
