"""The command as a process of its own, with a model on loopback that answers from a script."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from codeling.cli import main
from tests.models.loopback import Loopback, streams

__all__ = ("EXAMPLES", "codeling", "command", "program", "usage_error")

EXAMPLES = Path(__file__).parents[2] / "examples"


def program(code: str, thought: str = "Let me see.") -> str:
    """Give a reply as a model writes it."""
    return f"{thought}\n```python\n{code}\n```"


def command(server: Loopback, *replies: str, arguments: Sequence[str] = ()) -> list[str]:
    """Give the command line of a run whose model gives these replies, the last one for ever."""
    server.steps = [streams({"content": reply}) for reply in replies]
    model = ["--model", "openai:scripted", "--api-base", server.url]
    return [sys.executable, "-m", "codeling", "run", *(arguments or ["Do it."]), *model]


def codeling(
    server: Loopback, *replies: str, arguments: Sequence[str] = (), stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    line = command(server, *replies, arguments=arguments)
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60, input=stdin or "")


def usage_error(capsys: object, *arguments: str) -> str:
    """Call the command wrongly, in this process, and give what it says about that."""
    assert main(arguments) == 2
    said = capsys.readouterr()  # type: ignore[attr-defined]  # pytest's fixture
    assert said.out == ""
    assert "Traceback" not in said.err
    return str(said.err)
