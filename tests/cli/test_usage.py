"""The command used wrongly: a sentence that says what, which and what to do, and exit code 2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from codeling.cli import main

from .helpers import EXAMPLES, usage_error

TABLES = str(EXAMPLES / "tables.py")
Capsys = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "COMMAND"),
        (["walk"], "invalid choice: 'walk'"),
        (["run"], 'a task is missing: codeling run "'),
        (["browse"], 'a task is missing: codeling browse "'),
        (["run", "--tools", TABLES], "a task is missing"),
        (["run", "  "], "the task is empty"),
        (["run", "x", "--max-steps", "0"], "'0' is no number of steps"),
        (["run", "x", "--max-steps", "many"], "'many' is no number of steps"),
        (["run", "x", "--model", "opnai:gpt-5"], "did you mean 'openai'"),
        (["run", "x", "--model", "local:qwen"], "unknown local model 'qwen'"),
        (["run", "x", "--executor", "sandbx"], "did you mean 'sandbox'"),
        (["run", "x", "--agent", "calls", "--executor", "sandbox"], "--executor and --imports are for programs"),
        (["run", "x", "--api-key-env", "NO_SUCH_KEY_HERE"], "'NO_SUCH_KEY_HERE' is not set"),
        (["run", "x", "--model", "local", "--api-base", "http://x"], "models behind a server"),
        (["run", "x", "--tools", "nowhere.py"], "there is no file 'nowhere.py'"),
        (["run", "x", "--tools", "web_serch"], "no tool is called 'web_serch'"),
        (["run", "x", "--tools", "json:dump"], "write `obj: int`"),
        (["run", "x", "--tools", "json:lods"], "did you mean 'loads'"),
        (["run", "x", "--tools", "nowhere:thing"], "No module named 'nowhere'"),
        (["run", "x", "--tools", "math:pi"], "is float, not a tool"),
        (["run", "x", "--tools", TABLES, TABLES, "--model", "openai:x"], "two tools are called 'read_table'"),
    ],
    ids=lambda value: " ".join(value)[-40:] if isinstance(value, list) else "",
)
def test_wrong_usage(capsys: Capsys, arguments: list[str], said: str) -> None:
    """Each mistake is named, with what would be right."""
    assert said in usage_error(capsys, *arguments)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = 1", "defines no tool"),
        ("from codeling import tool\n@tool\ndef f(a): ...", "argument 'a' has no type"),
        ("x = 1\ny = x / 0", "line 2 of"),
        ("def f(:", "SyntaxError"),
        ("import sys\nsys.exit('stop')", "SystemExit: stop"),
        ("import nothing_of_that_name", "No module named 'nothing_of_that_name'"),
    ],
    ids=["no tool", "no type", "error", "syntax", "exit", "import"],
)
def test_a_tool_file_that_cannot_be_used(capsys: Capsys, tmp_path: Path, source: str, said: str) -> None:
    """What is wrong with the file is said, and where."""
    (tmp_path / "mine.py").write_text(source)

    assert said in usage_error(capsys, "run", "x", "--tools", str(tmp_path / "mine.py"))


def test_lists_before_the_task_do_not_swallow_it(capsys: Capsys) -> None:
    """`--tools FILE "the task"` means what it says: the empty model name is reported, not a missing task."""
    assert "unknown model 'nope'" in usage_error(capsys, "run", "--model", "nope", "--tools", TABLES, "What is it?")
    assert "unknown model 'nope'" in usage_error(capsys, "run", "--model", "nope", "--imports", "math", "What is it?")


def test_help_explains_itself(capsys: Capsys) -> None:
    """Help has examples and the exit codes, and fits a terminal."""
    for arguments in (["--help"], ["run", "--help"]):
        assert main(arguments) == 0
        text = capsys.readouterr().out
        assert "examples:" in text
        assert "  130  interrupted" in text
        assert max(map(len, text.splitlines())) <= 110


def test_names_are_listed(capsys: Capsys) -> None:
    """`models` and `executors` list every short name with what it stands for."""
    assert main(["models"]) == 0
    models = capsys.readouterr().out
    assert main(["executors"]) == 0
    executors = capsys.readouterr().out

    assert {"openai:MODEL", "local", "hf:MODEL", "local:smollm2-135m"} <= {
        line.split()[0] for line in models.splitlines() if line
    }
    assert {"sandbox", "unsafe-local"} <= {line.split()[0] for line in executors.splitlines()}


def test_the_doctor_tries_the_wall(capsys: Capsys) -> None:
    """`doctor` says which walls work here, by having tried them, and what is installed."""
    code = main(["doctor"])
    text = capsys.readouterr().out

    assert "namespaces, Landlock, seccomp" in text
    assert (code == 0) == ("Programs run behind" in text)
    assert "local:qwen2.5-coder-1.5b" in text


def test_the_doctor_reports_layer_by_layer(capsys: Capsys) -> None:
    """`doctor --json` says of each layer of the wall whether it is there, and with what."""
    main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    found = {layer["name"]: layer["there"] for layer in report["layers"]}

    assert set(found) == {"system calls", "namespaces", "Landlock", "seccomp", "cgroups", "pidfd"}
    assert (report["walls"]["strong"] == "works") <= (found["Landlock"] and found["seccomp"])
    assert (report["walls"]["full"] == "works") <= found["namespaces"]
    assert all(layer["detail"] for layer in report["layers"])


def test_the_command_loads_quickly() -> None:
    """Asking for help imports the standard library and codeling only."""
    code = (
        "import sys; from codeling.cli import main; main(['run', '--help']);"
        "print([m for m in ('rich', 'openai', 'numpy', 'xllamacpp', 'asyncio') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stderr == "[]\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the disk that is full is /dev/full")
def test_a_full_disk_is_told() -> None:
    """Where the answer cannot be written, that is a sentence and a failure."""
    with Path("/dev/full").open("w") as full:
        line = [sys.executable, "-m", "codeling", "executors"]
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (
        1, "codeling: error: the answer could not be written: no space is left on the disk\n"
    )  # fmt: skip
