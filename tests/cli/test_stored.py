"""The commands about stored runs: list, resume, export, replay; each says what it cannot do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codeling import CodeAgent, RunPaused, tool
from codeling.cli import main
from codeling.testing import ScriptedModel, replay
from tests.models.loopback import Loopback, streams

from .helpers import program, usage_error

Capsys = pytest.CaptureFixture[str]
TOOLS = """
from codeling import tool

@tool(effect="irreversible", needs_approval=True)
def send(to: str) -> str:
    "Send something."
    with open(__file__ + ".sent", "a") as out:
        out.write(to + "\\n")
    return f"sent to {to}"
"""


@tool(effect="irreversible", needs_approval=True)
def send(to: str) -> str:
    """Send something."""
    raise AssertionError("nobody has allowed it")


@pytest.fixture
def journal(tmp_path: Path) -> str:
    """A journal with one run that is done and one that waits for a person."""
    path = str(tmp_path / "runs.db")
    (tmp_path / "mail.py").write_text(TOOLS)
    CodeAgent([], ScriptedModel([program("print(1)"), program("final_answer([1, 2])")]), journal=path).run(
        "Count to two.", run_id="done-1"
    )
    waiting = program("x = 'ann'\nfinal_answer([send(x), send('bob')])")
    with pytest.raises(RunPaused):
        CodeAgent([send], ScriptedModel([waiting]), journal=path, name="clerk").run("Send it.", run_id="wait-2")
    return path


def sent(journal: str) -> list[str]:
    """What the tool of the command line has sent."""
    path = Path(journal).parent / "mail.py.sent"
    return path.read_text().split() if path.exists() else []


def resume(server: Loopback, journal: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    server.steps = [streams({"content": program("final_answer('nothing was sent')")})]
    model = ["--model", "openai:scripted", "--api-base", server.url, "--quiet", "--journal", journal]
    tools = ["--tools", str(Path(journal).parent / "mail.py")]
    line = [sys.executable, "-m", "codeling", "resume", *arguments, *tools, *model]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=300)


def test_runs_are_listed(capsys: Capsys, journal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Newest first, as a table or as JSON; the environment may name the journal."""
    assert main(["runs", "--journal", journal]) == 0
    lines = capsys.readouterr().out.splitlines()
    monkeypatch.setenv("CODELING_JOURNAL", journal)
    assert main(["runs", "--json", "--limit", "5"]) == 0
    runs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [line.split()[:2] for line in lines] == [["RUN", "STATE"], ["wait-2", "paused"], ["done-1", "success"]]
    assert [(run["run_id"], run["state"], run["task"]) for run in runs] == [
        ("wait-2", "paused", "Send it."), ("done-1", "success", "Count to two."),
    ]  # fmt: skip
    assert {"steps", "cost", "agent", "started"} <= set(runs[0])


def test_a_run_is_exported_and_played_again(capsys: Capsys, journal: str, tmp_path: Path) -> None:
    """Its lines are its events; the file is a regression test of its own."""
    assert main(["export", "done", "--journal", journal]) == 0
    lines = capsys.readouterr().out
    file = tmp_path / "run.jsonl"
    file.write_text(lines)

    assert [json.loads(line)["event"] for line in lines.splitlines()][:3] == [
        "RunStarted",
        "RunContinued",
        "StepStarted",
    ]
    assert replay(file).diverged == ()
    assert main(["replay", "done-1", "--journal", journal]) == 0
    assert "repeated itself: 2 steps, no difference" in capsys.readouterr().err

    file.write_text(lines.replace('"output":"1\\n"', '"output":"one\\n"'))
    assert main(["replay", str(file), "--json"]) == 1
    said = capsys.readouterr()
    [difference] = [json.loads(line) for line in said.out.splitlines()]
    assert (difference["step"], difference["what"]) == (1, "output")
    assert (difference["expected"], difference["found"]) == ("one\n", "1\n")
    assert "did not repeat itself" in said.err


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["--approve"], ["sent to ann", "sent to bob"]),
        (["--approve", "send"], ["sent to ann", "sent to bob"]),
        (["--deny", "send", "--reason", "too late"], "nothing was sent"),
    ],
    ids=["all", "one tool", "no"],
)
def test_a_run_that_waits_goes_on(server: Loopback, journal: str, arguments: list[str], answer: Any) -> None:
    """With what the person says; the answer is printed, and printed again when it is asked for again."""
    done = resume(server, journal, "wait", *arguments)
    again = resume(server, journal, "wait")

    assert (done.returncode, again.returncode, again.stdout) == (0, 0, done.stdout)
    assert (json.loads(done.stdout) if isinstance(answer, list) else done.stdout.strip()) == answer
    assert sent(journal) == (["ann", "bob"] if isinstance(answer, list) else [])
    if not sent(journal):
        assert "too late" in json.dumps(server.asked[0])


def test_without_a_word_it_waits_on(server: Loopback, journal: str) -> None:
    """Exit code 4 says that a person is still wanted."""
    done = resume(server, journal, "wait-2")

    assert done.returncode == 4
    assert "a person must decide about 'send'" in done.stderr
    assert sent(journal) == []


KILLED = """
import os, signal, sys
from codeling import CodeAgent, tool
from codeling.testing import ScriptedModel
@tool
def order(number: int) -> str:
    "Order something."
    os.kill(os.getpid(), signal.SIGKILL)
CodeAgent([order], ScriptedModel(["```python\\nfinal_answer(order(7))\\n```"]), journal=sys.argv[1]).run("Go.", run_id="cut-3")
"""


def test_a_call_that_was_cut_off_is_settled(server: Loopback, journal: str) -> None:
    """Without a word the command fails and says how; with one the run goes on."""
    subprocess.run([sys.executable, "-c", KILLED, journal], check=False, timeout=120)
    source = (
        "from codeling import tool\n@tool\ndef order(number: int) -> str:\n    'Order something.'\n    return 'again'\n"
    )
    (Path(journal).parent / "mail.py").write_text(source)
    refused = resume(server, journal, "cut-3")
    settled = resume(server, journal, "cut-3", "--settle", 'order="it came"')

    assert refused.returncode == 1
    assert "order(7) was begun before the run was cut off" in refused.stderr
    assert (settled.returncode, settled.stdout) == (0, "it came\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["runs"], "which journal? Say --journal runs.db, or set CODELING_JOURNAL"),
        (["export", "x", "--journal", "nowhere.db"], "there is no journal 'nowhere.db'"),
        (["resume", "done-1", "--journal", "FILE", "--settle", "send"], "say TOOL=repeat, TOOL=fail or TOOL=JSON"),
        (["resume", "done-1", "--journal", "FILE", "--settle", "send=a b"], "the value is no JSON"),
        (["resume", "done-1", "--journal", "FILE", "--approve", "--deny"], "without a tool means all of them"),
    ],
)
def test_wrong_usage(capsys: Capsys, journal: str, arguments: list[str], said: str) -> None:
    """Each mistake is named, with what would be right."""
    model = ["--model", "openai:x", "--api-base", "http://127.0.0.1:9"] if arguments[0] == "resume" else []

    assert said in usage_error(capsys, *(journal if word == "FILE" else word for word in arguments), *model)


@pytest.mark.parametrize("name", ["export", "replay"])
def test_the_last_run_has_a_name(capsys: Capsys, tmp_path: Path, name: str) -> None:
    """`last` is the newest run for every command; in an empty journal there is none."""
    path = str(tmp_path / "runs.db")
    for run_id in ("one", "two"):
        CodeAgent([], ScriptedModel([program("final_answer(1)")]), journal=path).run("Count.", run_id=run_id)
    (tmp_path / "empty.db").touch()

    assert main([name, "last", "--journal", path]) == 0
    said = capsys.readouterr()
    assert "two" in said.out + said.err and "one" not in said.out + said.err
    assert main([name, "last", "--journal", str(tmp_path / "empty.db")]) == 2
    assert "the journal holds no runs" in capsys.readouterr().err


def test_an_unknown_run_is_named(capsys: Capsys, journal: str) -> None:
    """The command says that the journal has no such run, with the code of wrong usage."""
    assert main(["export", "nope", "--journal", journal]) == 2
    assert "the journal holds no run 'nope'" in capsys.readouterr().err
