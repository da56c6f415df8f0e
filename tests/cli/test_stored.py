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
    assert "run wait-2 had come to its end before; nothing was done again" in again.stderr
    assert (json.loads(done.stdout) if isinstance(answer, list) else done.stdout.strip()) == answer
    assert sent(journal) == (["ann", "bob"] if isinstance(answer, list) else [])
    if not sent(journal):
        assert "too late" in json.dumps(server.asked[0])


@pytest.mark.parametrize(
    ("arguments", "code", "done"),
    [
        (["--approve", "--once"], 4, ["ann"]),
        (["--approve", "send", "--once"], 4, ["ann"]),
        (["--edit", 'send={"to": "eve"}'], 4, ["eve"]),
        (["--edit", 'send={"to": "eve"}', "--approve", "send"], 0, ["eve", "bob"]),
        (["--approve", "--always"], 0, ["ann", "bob"]),
    ],
    ids=["once", "once by name", "edited", "edited, then allowed", "always"],
)
def test_one_call_is_decided_or_all(
    server: Loopback, journal: str, arguments: list[str], code: int, done: list[str]
) -> None:
    """`--once` and `--edit` speak of the first call that waits; the next one waits for its own word."""
    first = resume(server, journal, "wait-2", *arguments)

    assert (first.returncode, sent(journal)) == (code, done), first.stderr
    if code == 4:
        assert "a person must decide about send('bob')" in first.stderr


def own(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, with nothing added."""
    line = [sys.executable, "-m", "codeling", *arguments]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


def begun(server: Loopback, folder: Path, *arguments: str) -> str:
    """Begin a run by the command that waits for a person, with tools named from where they lie; give its id."""
    (folder / "mail.py").write_text(TOOLS)
    server.steps = [streams({"content": program("final_answer([send('ann'), send('bob')])")})]
    model = ["--model", "openai:scripted", "--api-base", server.url, "--instructions", "Be brief."]
    done = own(folder, "run", "Send it.", "--tools", "mail.py", "--journal", "runs.db", *model, *arguments)
    assert done.returncode == 4, done.stderr
    [run] = own(folder, "runs", "--json", "--journal", "runs.db").stdout.splitlines()
    return str(json.loads(run)["run_id"])


def test_a_run_goes_on_as_it_was_begun(server: Loopback, tmp_path: Path) -> None:
    """What the command line said of the agent is not said again, from whatever folder; what is said anew holds on."""
    (tmp_path / "other").mkdir()
    run_id, journal = begun(server, tmp_path), str(tmp_path / "runs.db")
    asked = server.asked[0]
    where = ["--journal", journal]
    refused = [program("try:\n    send('eve')\nfinally:\n    print(1)"), program("final_answer(7)")]
    server.steps = [streams({"content": reply}) for reply in refused]
    once = own(tmp_path / "other", "resume", run_id[:8], *where, "--deny", "send", "--once", "--model", "openai:new",
               "--api-base", server.url)  # fmt: skip
    waits = own(tmp_path / "other", "resume", run_id[:8], *where, "--deny", "send")

    assert (once.returncode, waits.returncode, waits.stdout) == (4, 0, "7\n"), waits.stderr
    assert [one["model"] for one in server.asked] == ["scripted", "new", "new"]
    assert all(one["messages"][0] == asked["messages"][0] for one in server.asked)
    assert "Be brief." in asked["messages"][0]["content"]


def test_keys_are_not_kept(server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable that holds the key is, the key is not, nor what stands in an address; it is asked for again then."""
    monkeypatch.setenv("MY_KEY", "sk-very-secret-key")
    address = server.url.replace("://", "://ann:pass-word-1@")
    run_id = begun(server, tmp_path, "--api-base", address, "--api-key-env", "MY_KEY")
    journal = str(tmp_path / "runs.db")
    asked_again = own(tmp_path, "resume", run_id, "--journal", journal, "--approve")
    done = own(tmp_path, "resume", run_id, "--journal", journal, "--approve", "--api-base", address)
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("runs.db"))

    assert asked_again.returncode == 2
    assert "say --api-base again" in asked_again.stderr
    assert json.loads(done.stdout) == ["sent to ann", "sent to bob"], done.stderr
    assert (b"very-secret" in stored, b"pass-word" in stored, b"MY_KEY" in stored) == (False, False, True)


def test_a_run_of_another_program_needs_to_be_told(journal: str) -> None:
    """How its agent was made is not known: it is not taken up by whatever model there is, and is as it was."""
    before = own(Path(journal).parent, "export", "wait-2", "--journal", journal).stdout
    done = own(Path(journal).parent, "resume", "wait-2", "--journal", journal, "--approve")
    without = own(Path(journal).parent, "resume", "wait-2", "--journal", journal, "--approve", "--model", "openai:x",
                  "--api-base", "http://127.0.0.1:9")  # fmt: skip

    assert done.returncode == 2
    assert "not begun by a command" in done.stderr
    assert without.returncode == 1
    assert "step 1, waits to call send('ann'), and this agent has no tool 'send'" in without.stderr
    assert own(Path(journal).parent, "export", "wait-2", "--journal", journal).stdout == before


def test_a_run_is_forked(server: Loopback, tmp_path: Path) -> None:
    """A new run goes on from the step, with what is said to be different; the stored run is as it was."""
    run_id = begun(server, tmp_path)
    before = own(tmp_path, "export", run_id, "--journal", "runs.db").stdout
    where = ["--journal", "runs.db", "--step", "1"]
    server.steps = [streams({"content": program("final_answer(8)")})]
    anew = own(tmp_path, "fork", run_id, *where, "--model", "openai:other", "--api-base", server.url)
    replied = own(tmp_path, "fork", run_id, *where, "--reply", program("final_answer(9)"), "--quiet")
    again = own(tmp_path, "fork", run_id, *where, "--task", "Think again.")
    unseen = own(tmp_path, "fork", run_id, *where, "--observation", "It is raining.")
    none = own(tmp_path, "fork", run_id, "--journal", "runs.db", "--step", "3")
    listed = own(tmp_path, "runs", "--json", "--journal", "runs.db").stdout.splitlines()

    assert (anew.stdout, replied.stdout, again.stdout) == ("8\n", "9\n", "8\n"), again.stderr
    assert server.asked[1]["model"] == "other"
    assert server.asked[2]["model"] == "scripted"
    assert "Think again." in json.dumps(server.asked[2])
    assert (unseen.returncode, none.returncode) == (1, 1)
    assert "step 1 of run" in unseen.stderr
    assert "did not come to its end" in unseen.stderr
    assert "has no step 3: it came to step 1" in none.stderr
    assert [json.loads(line)["run_id"] == run_id for line in listed] == [False, False, False, True]
    assert own(tmp_path, "export", run_id, "--journal", "runs.db").stdout == before


def test_without_a_word_it_waits_on(server: Loopback, journal: str) -> None:
    """Exit code 4 says that a person is still wanted."""
    done = resume(server, journal, "wait-2")

    assert done.returncode == 4
    assert "a person must decide about send('ann') (the tool needs approval)" in done.stderr
    assert f"to go on: codeling resume wait-2 --journal {journal} --approve send" in done.stderr
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
        (["export", "x", "--journal", "FOLDER"], "is a folder; name the file of the journal in it"),
        (["runs", "--journal", "FILE", "--limit", "0"], "'0' is no number of runs; give 1 or more"),
        (["export", "", "--journal", "FILE"], "which run? Say its id"),
        (["replay", "gone.jsonl", "--journal", "FILE"], "there is no file 'gone.jsonl'"),
        (["replay", "TOOLS"], "mail.py' is not what `codeling export` writes: a stored event cannot be read"),
        (["replay", "FILE"], "runs.db' is not what `codeling export` writes"),
        (["resume", "wait", "--settle", "send"], "say TOOL=repeat, TOOL=fail or TOOL=JSON"),
        (["resume", "wait", "--settle", "send=a b"], "the value is no JSON"),
        (["resume", "wait", "--settle", "sned=1"], "no tool 'sned'; did you mean 'send'?"),
        (["resume", "wait", "--approve", "--deny"], "without a tool means all of them"),
        (["resume", "wait", "--approve", "send", "--deny", "send"], "'send' is both approved and denied"),
        (["resume", "wait", "--approve", "mail"], "the run's agent has no tool 'mail'; there are: send"),
        (["resume", "wait", "--reason", "late"], "say --deny too"),
        (["resume", "wait", "--once"], "--once goes with --approve or --deny"),
        (["resume", "wait", "--edit", "send"], """say TOOL=JSON, such as 'send={"to": "Ann"}'"""),
        (["resume", "wait", "--edit", 'send=["ann"]'], "arguments are an object by their names"),
        (["resume", "wait", "--edit", 'send={"too": "ann"}'], "do not fit 'send': send(): "),
        (["resume", "wait", "--edit", 'send={"to": "a"}', "--deny", "send"], "two things are said about the next call"),
        (["fork", "wait", "--step", "1", "--reply", " "], "--reply is empty"),
        (["fork", "wait", "--step", "0"], "'0' is no number of steps"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_wrong_usage(capsys: Capsys, journal: str, arguments: list[str], said: str) -> None:
    """Each mistake is named, with what would be right."""
    rest: list[str] = []
    if arguments[0] in ("resume", "fork"):
        rest = ["--model", "openai:x", "--api-base", "http://127.0.0.1:9", "--journal", journal, "--quiet"]
        rest += ["--tools", str(Path(journal).parent / "mail.py")]

    folder = Path(journal).parent
    words = {"FILE": journal, "FOLDER": str(folder), "TOOLS": str(folder / "mail.py")}

    assert said in usage_error(capsys, *(words.get(word, word) for word in arguments), *rest)
    assert sent(journal) == []


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
