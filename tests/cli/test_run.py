"""`codeling run` as a person or a pipe meets it: a real process, a real sandbox, a model on loopback."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tests.models.loopback import Loopback, fails

from .helpers import EXAMPLES, codeling, command, program

TABLES = str(EXAMPLES / "tables.py")
TOOLS = """
from codeling import tool

@tool
def noisy(number: int) -> int:
    "Double a number and print."
    print("this is not the answer")
    return number * 2

@tool(needs_approval=True)
def launch(where: str) -> str:
    "Launch something."
    return f"launched to {where}"
"""


def test_the_answer_goes_to_stdout_and_the_steps_to_stderr(server: Loopback) -> None:
    """A pipe gets the answer and nothing else; a person sees the steps, the call and the end."""
    code = "big = [p['radius_km'] for p in read_table('planets') if p['moons'] > 10]\nfinal_answer(sum(big) / len(big))"
    done = codeling(server, program(code), arguments=["How large?", "--tools", TABLES])

    assert (done.stdout, done.returncode) == ("44531.75\n", 0)
    for part in ("How large?", "wall: ", "Step 1", "> read_table('planets')", "(8 items)", "Done"):
        assert part in done.stderr
    assert "\x1b" not in done.stderr


def test_data_is_printed_so_that_other_programs_can_read_it(server: Loopback) -> None:
    """Lists and dicts are JSON where JSON holds them, and Python where it does not."""
    plain = codeling(server, program("final_answer({'a': [1, None], 'ä': 'ö'})"), arguments=["Do it.", "--quiet"])
    rich = codeling(server, program("final_answer({1: (2, 3)})"), arguments=["Do it.", "--quiet"])

    assert json.loads(plain.stdout) == {"a": [1, None], "ä": "ö"}
    assert "ä" in plain.stdout
    assert rich.stdout == "{1: (2, 3)}\n"
    assert plain.stderr == rich.stderr == ""


def test_json_prints_every_event(server: Loopback) -> None:
    """Each line is one event; the last one has the state and the answer."""
    done = codeling(
        server, program("print(1)"), program("final_answer([1, 2])"), arguments=["Do it.", "--json", "--quiet"]
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]

    assert [events[0]["event"], events[-1]["event"]] == ["RunStarted", "RunFinished"]
    assert (events[-1]["state"], events[-1]["output"]) == ("success", [1, 2])
    assert {"StepStarted", "ModelReplied", "CodeStarted", "StepFinished"} <= {event["event"] for event in events}
    assert "CodeOutput" not in {event["event"] for event in events}


def test_what_a_tool_prints_is_no_part_of_the_answer(server: Loopback, tmp_path: Path) -> None:
    """A tool's own prints go to stderr."""
    (tmp_path / "mine.py").write_text(TOOLS)
    tools = ["Do it.", "--tools", str(tmp_path / "mine.py")]
    done = codeling(server, program("final_answer(noisy(4))"), arguments=tools)

    assert done.stdout == "8\n"
    assert "this is not the answer" in done.stderr


def test_the_task_may_come_from_stdin(server: Loopback) -> None:
    """`-` reads the task; options may stand before it."""
    done = codeling(server, program("final_answer('ok')"), arguments=["--quiet", "-"], stdin="What is it?\n")

    assert done.stdout == "ok\n"
    assert "Task: What is it?" in server.asked[0]["messages"][-1]["content"]


def test_a_run_without_steps_left_prints_its_best_answer(server: Loopback) -> None:
    """The exit code says so, and the answer is there all the same."""
    done = codeling(server, program("40 + 2"), arguments=["Do it.", "--max-steps", "1"])

    assert (done.stdout, done.returncode) == ("42\n", 3)
    assert "no step is left after 1" in done.stderr


def test_a_failed_run_says_why(server: Loopback) -> None:
    """A server that refuses is one sentence and exit code 1, never a traceback; the journal is named."""
    line = command(server, "", arguments=["Do it.", "--journal", os.devnull + "x"])
    server.steps = [fails(401, "wrong key")]
    done = subprocess.run([*line[:-4], *line[-4:]], capture_output=True, text=True, check=False, timeout=60)

    assert (done.stdout, done.returncode) == ("", 1)
    assert "codeling: error:" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_person_a_call_that_needs_one_pauses_the_run(server: Loopback, tmp_path: Path) -> None:
    """The exit code is 4, and what is said names the run and where it is kept."""
    (tmp_path / "mine.py").write_text(TOOLS)
    journal = tmp_path / "runs.db"
    arguments = ["Do it.", "--tools", str(tmp_path / "mine.py"), "--journal", str(journal)]
    done = codeling(server, program("launch('the Moon')"), arguments=arguments)
    with closing(sqlite3.connect(journal)) as connection:
        [(run_id,)] = connection.execute("SELECT DISTINCT run_id FROM events").fetchall()

    assert (done.stdout, done.returncode) == ("", 4)
    assert "launch('the Moon')" in done.stderr
    assert f"run {run_id} is kept in {journal}" in done.stderr


def in_terminal(line: list[str], *, answer: bytes, then: Sequence[bytes] = ()) -> tuple[str, int]:
    """Run a command in a terminal of its own, type answers to its questions, and give what was seen."""
    # Python in between makes the terminal the controlling one, as a shell does.
    adopt = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    adopt += "os.execv(sys.argv[1], sys.argv[1:])"
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    child = subprocess.Popen(
        [sys.executable, "-c", adopt, *line], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    seen, asked, left = b"", False, list(then)
    while select.select([ours], [], [], 30)[0]:
        try:
            seen += os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if b"or why not] " in seen and not asked:
            asked = bool(os.write(ours, answer + b"\n"))
        elif left and seen.count(b"or answer as before: ") == len(then) - len(left) + 1:
            os.write(ours, left.pop(0) + b"\n")
    os.close(ours)
    return seen.decode(), child.wait(30)


def test_a_person_at_the_terminal_is_asked(server: Loopback, tmp_path: Path) -> None:
    """In a terminal the call waits for y; the steps are in colour, and the terminal is left in order."""
    (tmp_path / "mine.py").write_text(TOOLS)
    arguments = ["Do it.", "--tools", str(tmp_path / "mine.py")]
    line = command(server, program("final_answer(launch('the Moon') + chr(27) + '[2J')"), arguments=arguments)
    text, code = in_terminal(line, answer=b"y")

    assert code == 0
    assert "Allow launch('the Moon')? [y/N" in text
    assert "launched to the Moon\\x1b[2J" in text
    assert "\x1b[2J" not in text
    assert "Step 1" in text
    assert text.rfind("\x1b[?25h") >= text.rfind("\x1b[?25l")


def test_a_person_may_say_no(server: Loopback, tmp_path: Path) -> None:
    """The program gets an error, and the run goes on."""
    (tmp_path / "mine.py").write_text(TOOLS)
    arguments = ["Do it.", "--tools", str(tmp_path / "mine.py")]
    line = command(server, program("launch('the Moon')"), program("final_answer('stayed')"), arguments=arguments)
    text, code = in_terminal(line, answer=b"")

    assert code == 0
    assert "a person said no" in text
    assert text.rstrip().endswith("stayed")


def test_a_person_at_the_terminal_changes_the_arguments(server: Loopback, tmp_path: Path) -> None:
    """They are typed as JSON; what cannot be meant is said, and asked again, and the call is made with what is right."""
    (tmp_path / "mine.py").write_text(TOOLS)
    arguments = ["Do it.", "--tools", str(tmp_path / "mine.py")]
    line = command(server, program("final_answer(launch('the Moon'))"), arguments=arguments)
    wrong = [b'{"where": ', b'{"from": "Mars"}', b"{}", b'{"where": "Mars"}']
    text, code = in_terminal(line, answer=b"e", then=wrong)

    assert code == 0
    assert "this is no JSON" in text
    assert "there is no argument 'from'; there are: where" in text
    assert "the argument 'where' is missing" in text
    assert text.rstrip().endswith("launched to Mars")


def test_ctrl_c_ends_a_program_that_never_ends(server: Loopback, tmp_path: Path) -> None:
    """An interrupt in the middle of a step ends the run at once with 130; what it did is kept."""
    journal = tmp_path / "runs.db"
    arguments = ["Do it.", "--journal", str(journal)]
    line = command(server, program("print('here')\nwhile True: pass"), arguments=arguments)
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr
        assert any("while True" in text for text in child.stderr)
        since = time.monotonic()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    with closing(sqlite3.connect(journal)) as connection:
        [(last,)] = connection.execute("SELECT event FROM events ORDER BY number DESC LIMIT 1").fetchall()

    assert (out, child.returncode) == ("", 130)
    assert time.monotonic() - since < 5
    assert "Interrupted" in err
    assert re.search(rf"to go on: codeling resume \w{{12}} --journal {journal}", err)
    assert "Traceback" not in err
    assert json.loads(last)["state"] == "interrupted"


def test_a_broken_pipe_is_quiet(server: Loopback) -> None:
    """When nobody reads the events any more, the run ends without a word about it."""
    line = command(server, program("print(1)"), arguments=["Do it.", "--json", "--quiet", "--max-steps", "500"])
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout
        assert child.stderr
        assert "RunStarted" in child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == ""

    assert child.returncode == 141


def test_the_other_form_of_action(server: Loopback) -> None:
    """`--agent calls` offers the tools natively and runs no programs."""
    done = codeling(server, "It is 7.", arguments=["Do it.", "--agent", "calls", "--tools", TABLES])

    assert (done.stdout, done.returncode) == ("It is 7.\n", 0)
    assert [tool["function"]["name"] for tool in server.asked[0]["tools"]] == ["read_table", "final_answer"]


def test_a_missing_library_names_its_pip_command() -> None:
    """Without the optional library the command says how to get it, without a traceback, and fails."""
    source = str(Path(__file__).parents[2] / "src")
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from codeling.cli import main; sys.exit(main())"
    for name, extra in (("run", "openai"), ("browse", "browser")):
        line = [sys.executable, "-I", "-S", "-c", code, source, name, "Do it.", "--model", "openai:x", "--quiet"]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)

        assert done.returncode == 1
        assert f"pip install 'codeling[{extra}]'" in done.stderr
        assert "Traceback" not in done.stderr
