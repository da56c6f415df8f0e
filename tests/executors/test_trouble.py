"""What goes wrong far away has a clear error that names the remedy, and the run is kept."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codeling import AgentError, CommandExecutor, RunContinued, SandboxError, SSHExecutor, UnknownName, UsageError, tool
from codeling.executors.registry import executor_from

from . import podman
from .conftest import pythons, until
from .helpers import agent, run

pytestmark = pytest.mark.timeout(400)  # services and vendors' libraries start slowly on a busy machine
Make = Callable[[str], Callable[..., Any]]
BAD = (
    ("e2b", {"api_key": "wrong"}, "E2B gave no sandbox: .*Check E2B_API_KEY"),
    ("modal", {"token_id": "a", "token_secret": "b"}, "Modal gave no sandbox: AuthError.*Check MODAL_TOKEN_ID"),
    ("modal", {"region": "nowhere"}, "Modal gave no sandbox: .*nowhere.*the region"),
    ("blaxel", {"region": "nowhere"}, "Blaxel gave no sandbox: .*nowhere.*the region"),
    ("blaxel", {"python": "no-python"}, "Blaxel gave no sandbox: .*no-python: not found"),
    ("daytona", {"api_key": "wrong"}, "Daytona gave no sandbox: .*Check DAYTONA_API_KEY"),
    ("daytona", {"target": "nowhere"}, "Daytona gave no sandbox: .*nowhere.*the region"),
    ("jupyter", {"token": "wrong", "kernel_id": None}, "401: it refused the token: give its own as token="),
    ("jupyter", {"kernel_id": "nothing"}, "the kernel 'nothing' .* gave no worker"),
    ("ssh", {"python": "no-python"}, "no-python: .*not found.*`ssh .*127.0.0.1 no-python --version` answers"),
    ("pyodide", {"pyodide": "/nowhere"}, "no Pyodide in '/nowhere': npm install .*pyodide@314"),
    ("pyodide", {"deno": "/nowhere/deno"}, "Deno at '/nowhere/deno' cannot be started"),
    ("pyodide", {"packages": ["/nowhere/x.whl"]}, "there is no wheel '/nowhere/x.whl'"),
)
DENIED = {
    "e2b": "'allow_internet_access': False",
    "modal": "BLOCKED",
    "blaxel": "",
    "daytona": "'networkBlockAll': True",
}
"""What the SDK sends where the internet is denied; Blaxel has no such switch."""
RELAY = """
import os, subprocess, sys, threading
worker = subprocess.Popen([sys.executable, *sys.argv[1:]], stdin=0, stdout=subprocess.PIPE)
left = 20_000
while left:
    left -= os.write(1, os.read(worker.stdout.fileno(), left))
worker.kill()
"""


@pytest.mark.parametrize(("kind", "options", "message"), BAD, ids=[f"{kind}-{'-'.join(o)}" for kind, o, _ in BAD])
def test_what_cannot_be_had_says_why(make_kind: Make, kind: str, options: dict[str, Any], message: str) -> None:
    """A wrong key, a wrong region, a kernel or a Python that is not there: the error names the remedy."""
    with pytest.raises(AgentError, match=f"(?s){message}"):
        run(make_kind(kind)(**options), "1")


def test_commands_that_do_not_start_say_why() -> None:
    """So do commands that are not there, or end at once, or are too old."""
    with pytest.raises(SandboxError, match=r"'no-such-command' cannot be started.*`no-such-command --version` prints"):
        run(CommandExecutor(["no-such-command"]))
    with pytest.raises(SandboxError, match="its command ended and said: .*nowhere"):
        run(CommandExecutor(["sh", "-c", "echo nowhere to run >&2; exit 3"]))
    with pytest.raises(
        SandboxError,
        match=r"the sandbox did not start: its (command ended with exit code 3|process ended).*--version` prints",
    ):
        run(CommandExecutor(["sh", "-c", "exit 3"]))
    with pytest.raises(SandboxError, match=r"words came where a frame was due: 'Welcome\\n'.* and nothing else"):
        run(CommandExecutor(["sh", "-c", 'echo Welcome; exec "$0" "$@"', sys.executable]))
    for command in ("python3 -i", ()):
        with pytest.raises(UsageError, match="a command is a list of words"):
            CommandExecutor(command)
    with pytest.raises(UsageError, match="'-oProxyCommand=x' is no host"):
        SSHExecutor("-oProxyCommand=x")


def test_a_wheel_that_is_none_is_named(make_kind: Make, tmp_path: Path) -> None:
    """WebAssembly loads pure wheels; a file that is none stops the session at its start, with its name."""
    good, bad = (tmp_path / f"{name}-1.0-py3-none-any.whl" for name in ("codeling_pears", "broken"))
    good.write_bytes(podman._wheel())
    bad.write_bytes(b"no wheel")

    program = "import codeling_pears\nfinal_answer(codeling_pears.COUNT)"
    assert run(make_kind("pyodide")(packages=[good]), program).output == 12
    with pytest.raises(SandboxError, match="the wheel .*broken-1.0-py3-none-any.whl could not be loaded"):
        run(make_kind("pyodide")(packages=[good, bad]), program)


def test_a_python_too_old_is_refused(tmp_path: Path) -> None:
    """The error has the version that is needed and the one that is there."""
    versions = sorted(Path(next(iter(pythons().values()), "/none")).parents[2].glob("3.[67].*/bin/python"))
    if not versions:
        pytest.skip("this machine has no CPython older than 3.8")
    with pytest.raises(SandboxError, match=r"programs need CPython 3\.8 or newer; this is 3\.[67]"):
        run(CommandExecutor([str(versions[0])]), "1")


def test_a_stream_cut_in_the_middle_of_a_frame(tmp_path: Path) -> None:
    """The model is told that its interpreter is lost, and the run goes on with a fresh one."""
    executor = CommandExecutor([sys.executable, "-c", RELAY])
    result = run(executor, "x = 1", "print('x' * 100_000)", "final_answer('x' in globals())")

    assert result.steps[1].lost
    assert re.search("The interpreter was lost: its (process|command) ended", result.steps[1].error or "")
    assert result.output is False


@pytest.mark.parametrize("kind", ["e2b", "modal", "blaxel", "daytona"])
def test_a_sandbox_killed_in_the_middle_of_a_program(
    make_kind: Make, request: pytest.FixtureRequest, kind: str
) -> None:
    """It is told to the model with the id of the one that replaces it, and what the vendor still had of both is removed.

    Both were asked for without internet.
    """
    server = request.getfixturevalue(kind)

    @tool
    def cut() -> None:
        """Let the vendor's machine fail."""
        server.kill_sandboxes()

    result = run(make_kind(kind)(), "x = 1\ncut()\nx", "final_answer('x' in globals())", tools=[cut])

    error = result.steps[0].error or ""
    begun = next(event.isolation for event in result.events if isinstance(event, RunContinued))
    fresh = re.search(rf"The interpreter was lost: .* a fresh one is ready in {kind}:(\S+)\.$", error)
    assert result.steps[0].lost
    assert fresh and f"{kind}:{fresh[1]}" != begun
    assert result.output is False
    assert until(lambda: {begun.partition(":")[2], fresh[1]} <= set(server.removed))
    assert all(DENIED[kind] in str(asked) for asked in server.created[-2:])


def test_a_run_that_loses_its_vendor_is_kept_and_resumed(make_kind: Make, e2b: Any, tmp_path: Path) -> None:
    """With the quota spent in the middle of a run the run fails, keeps its steps, and goes on when there is quota again."""
    calls: list[int] = []

    @tool
    def cut(number: int) -> int:
        """Let the vendor's machine fail, and give no other."""
        calls.append(number)
        e2b.quota_spent = True
        e2b.kill_sandboxes()
        return number

    programs = (
        "print('one')",
        "cut(7)\nimport time\nfor _ in range(100):\n    time.sleep(0.02)",
        "final_answer('done')",
    )
    made = agent(make_kind("e2b")(), *programs, tools=[cut], journal=str(tmp_path / "runs.db"))
    with pytest.raises(SandboxError, match="quota") as failed:
        made.run("Go.")
    assert [step.output for step in failed.value.result.steps] == ["one\n", ""]
    assert "a fresh one is started for the next program" in (failed.value.result.steps[1].error or "")
    e2b.quota_spent = False
    again = agent(make_kind("e2b")(), "final_answer('done')", tools=[cut], journal=str(tmp_path / "runs.db"))

    assert again.resume(failed.value.result.run_id) == "done"
    assert calls == [7]
    made.close()
    again.close()


def test_short_names() -> None:
    """Executors have short names, some with a place; a wrong one says what would be right."""
    for name in (
        "docker",
        "e2b",
        "modal",
        "blaxel",
        "daytona",
        "jupyter",
        "pyodide",
        "ssh:somewhere",
        "docker:python:3.12",
    ):
        assert type(executor_from(name)).__name__.lower().startswith(name.partition(":")[0])
    with pytest.raises(UsageError, match="ssh:user@host"):
        executor_from("ssh")
    with pytest.raises(UsageError, match="names a place"):
        executor_from("modal:there")
    with pytest.raises(UsageError, match=r"an executor is made first: executor=CommandExecutor\(\)"):
        executor_from(CommandExecutor)  # type: ignore[arg-type]  # the mistake
    with pytest.raises(UnknownName, match="'docker'"):
        executor_from("dokcer")
