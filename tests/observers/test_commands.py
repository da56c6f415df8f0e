"""`codeling show` and `codeling trace`, as processes, on journals of real runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from codeling.cli import main

from .helpers import HOSTILE, agent, run, team


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal with two runs, the later of which has one below it."""
    path = tmp_path_factory.mktemp("journal") / "runs.db"
    run(agent(f"print({HOSTILE!r})", "final_answer(1)", journal=str(path)), "The first.")
    run(team(journal=str(path)), "The second.")
    return path


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [sys.executable, "-m", "codeling", *words], capture_output=True, text=True, timeout=300, check=False
    )


def test_show_tells_a_stored_run(journal: Path) -> None:
    """The last run is told as it was seen, with the run below it inside the step that called it."""
    done = command("show", "last", "--journal", str(journal))
    lines = done.stdout.splitlines()

    assert done.returncode == 0, done.stderr
    assert "  The second." in lines
    assert lines.index("Step 3") < lines.index("    helper: step 1") < lines.index("Step 4")
    assert "answer: {'a': 1}" in done.stdout


def test_show_tells_one_step(journal: Path) -> None:
    """With `--step` only that step is told; one that is not there is an error that says how many there are."""
    done = command("show", "last", "--journal", str(journal), "--step", "2")
    wrong = command("show", "last", "--journal", str(journal), "--step", "9")

    assert "failing('pears')" in done.stdout
    assert "Step 1" not in done.stdout
    assert "Step 3" not in done.stdout
    assert wrong.returncode == 2
    assert "no step 9; it has 4 steps" in wrong.stderr


def test_a_whole_run_has_no_note_of_an_end(journal: Path) -> None:
    """Only a run that was cut off is said to be."""
    assert "Here it ends" not in command("show", "last", "--journal", str(journal)).stdout


def test_show_as_lines_of_json(journal: Path) -> None:
    """With `--json` each event is a line."""
    done = command("show", "last", "--journal", str(journal), "--json")

    assert json.loads(done.stdout.splitlines()[0])["event"] == "RunStarted"


def test_hostile_output_is_harmless_in_the_terminal(journal: Path) -> None:
    """What a stored program printed reaches the terminal as escapes."""
    done = command("show", first_run(journal), "--journal", str(journal))

    assert "\\x1b]0;t\\x07\\x1b[31m \\u202e" in done.stdout
    assert "\x1b" not in done.stdout


def first_run(journal: Path) -> str:
    """Give the id of the first run of a journal."""
    import sqlite3

    connection = sqlite3.connect(journal)
    rows = connection.execute("SELECT run_id FROM events WHERE event LIKE '%The first.%'").fetchall()
    connection.close()
    return str(rows[0][0])


def test_trace_writes_the_page(journal: Path, tmp_path: Path) -> None:
    """The page is written where it is asked for, and the command says where."""
    page = tmp_path / "out.html"
    done = command("trace", "last", "--journal", str(journal), "--html", str(page))

    assert done.returncode == 0, done.stderr
    assert str(page) in done.stderr
    assert '"agent":"helper"' in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("run_id", ["../above", "/tmp/away", "one\x1b[2J", "a b/c"])
def test_a_page_is_written_to_this_folder_whatever_the_runs_id(
    run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run's id may be anybody's words: the file's name is made of its letters and numbers only."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    file = str(tmp_path / "runs.db")
    agent("final_answer(1)", journal=file).run("Go.", run_id=run_id)

    assert main(["trace", "last", "--journal", file]) == 0
    (page,) = here.iterdir()
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,12}\.html", page.name)


@pytest.mark.parametrize("name", ["show", "trace"])
def test_a_run_that_is_not_there(journal: Path, name: str, tmp_path: Path) -> None:
    """A wrong run, a wrong journal and a file that cannot be written are told in one line, without a traceback."""
    wrong = [
        command(name, "zzz", "--journal", str(journal)),
        command(name, "last", "--journal", str(tmp_path / "none.db")),
    ]
    if name == "trace":
        wrong.append(command(name, "last", "--journal", str(journal), "--html", str(tmp_path / "no" / "where.html")))
    for done in wrong:
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "none.db").exists()


def test_the_command_traces_where_the_environment_says_so(tmp_path: Path) -> None:
    """With OpenTelemetry's variable, a run of the command is sent to the address that it names."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the exporter is in the extra otel")
    got: list[tuple[str, bytes]] = []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    code = (
        "import sys\nfrom codeling import CodeAgent\nfrom codeling.cli.showing import shown\nfrom argparse import Namespace\n"
        "from codeling.testing import ScriptedModel\n"
        "agent = CodeAgent([], ScriptedModel(['```python\\nfinal_answer(7)\\n```']))\n"
        "options = Namespace(json=False, quiet=True, journal=None, max_steps=20)\n"
        "work = lambda **more: agent.run('Do it.', return_full_result=True, **more)\n"
        "sys.exit(shown(options, agent, work))"
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300, check=False
    )
    server.shutdown()
    server.server_close()

    assert done.stdout == "7\n", done.stderr
    assert [path for path, _ in got] == ["/v1/traces"]
    assert b"invoke_agent CodeAgent" in got[0][1]
