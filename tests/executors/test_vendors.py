"""What is promised of every vendor: a time to live, an end, an id in the events, and what a broken stream does.

By the vendors' own SDKs against loopback servers; the vendors' servers are not reached.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codeling import RunContinued, tool

from .conftest import until
from .helpers import run

pytestmark = pytest.mark.timeout(600)  # the vendors' libraries start slowly on a busy machine
Make = Callable[[str], Callable[..., Any]]
VENDORS = ("e2b", "modal", "blaxel", "daytona")
LIVES = {
    "e2b": "'timeout': 720",
    "modal": "timeout_secs: 720",
    "blaxel": "'ttl': '720s'",
    "daytona": "'autoStopInterval': 12",
}
"""How each SDK asks for a time to live of 720 seconds."""
NO_KEY = {
    "E2BExecutor()": "API key is required.*Check E2B_API_KEY",
    "ModalExecutor()": "Token missing.*Check MODAL_TOKEN_ID",
    "BlaxelExecutor(region='us-pdx-1')": "No Blaxel credentials.*Check BL_API_KEY",
    "DaytonaExecutor()": "API key or JWT token is required.*Check DAYTONA_API_KEY",
}


def place(result: Any) -> str:
    """Give the id of the sandbox as the events have it."""
    return next(event.isolation for event in result.events if isinstance(event, RunContinued)).partition(":")[2]


@pytest.mark.parametrize("kind", VENDORS)
def test_a_sandbox_has_a_time_to_live_an_id_and_an_end(
    make_kind: Make, request: pytest.FixtureRequest, kind: str
) -> None:
    """The vendor is told how long it may live, the events name it, and it is removed when the session ends."""
    server = request.getfixturevalue(kind)
    result = run(make_kind(kind)(sandbox_timeout=720), "final_answer(6 * 7)")

    assert result.output == 42
    assert LIVES[kind] in str(server.created[-1])
    assert place(result)
    assert until(lambda: place(result) in server.removed)


@pytest.mark.parametrize("kind", VENDORS)
def test_a_stream_that_breaks(make_kind: Make, request: pytest.FixtureRequest, kind: str) -> None:
    """A cut stream of a sandbox that lives is joined again where it was (Modal's SDK does), or the model is told of it.

    The run goes on then in a fresh sandbox, and the old one is removed.
    """
    server = request.getfixturevalue(kind)

    @tool
    def cut() -> int:
        """Let the network fail."""
        server.cut_streams()
        return 1

    result = run(make_kind(kind)(), "x = cut() + 1\nprint(x)", "final_answer(globals().get('x'))", tools=[cut])
    first, error = place(result), result.steps[0].error or ""

    if kind == "modal":
        assert (result.steps[0].output, result.output) == ("2\n", 2)
    else:
        assert result.steps[0].lost
        fresh = re.search(rf"The interpreter was lost: its stream broke: .* is ready in {kind}:(\S+)\.$", error)
        assert fresh, error
        assert fresh[1] != first
        assert result.output is None
        assert until(lambda: {first, fresh[1]} <= set(server.removed))


@pytest.mark.parametrize(("made", "message"), NO_KEY.items())
def test_no_key_names_what_to_set(made: str, message: str, tmp_path: Path) -> None:
    """Without any key nothing is reached, and the error says which variable or argument is missing."""
    code = f"import codeling as c\nc.CodeAgent([], 'local', executor=c.{made}).executor._spawn()"
    prefixes = ("E2B", "MODAL", "BL_", "DAYTONA")
    env = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    done = subprocess.run(  # SDKs read their keys once a process, and the home folder may have one too
        [sys.executable, "-c", code], env={**env, "HOME": str(tmp_path)}, capture_output=True, text=True, check=False
    )

    assert re.search(f"SandboxError: .*{message}", done.stderr), done.stderr
