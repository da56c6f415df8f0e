"""What every executor must do, run over each of them.

Real: the sandbox at both walls, the unsafe worker, and any command that gives a Python (here an
interpreter of this machine, and an older one where there is one). Recorded: E2B, by the vendor's real
SDK against a loopback server whose sandboxes really run the worker; the vendor's servers are not reached.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from codeling import (
    CodeAgent,
    CommandExecutor,
    E2BExecutor,
    MontyExecutor,
    RunResult,
    SandboxError,
    SandboxExecutor,
    UnsafeLocalExecutor,
    tool,
)
from codeling.testing import ScriptedModel

from ..walls import need
from .e2b_server import KEY, Server


@cache
def older_python() -> str:
    """An interpreter of an older version that this machine has, or none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [*map(str, sorted(pyenv.glob("3.[89].*/bin/python"))), *(shutil.which(f"python3.{n}") for n in (8, 9, 10))]
    for path in filter(None, found):
        if subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
            return path
    return ""


KINDS: dict[str, Callable[..., Any]] = {
    "sandbox-full": lambda **options: SandboxExecutor(isolation="full", **options),
    "sandbox-strong": lambda **options: SandboxExecutor(isolation="strong", **options),
    "unsafe-local": UnsafeLocalExecutor,
    "command": lambda **options: CommandExecutor([sys.executable], **options),
    "command-older": lambda **options: CommandExecutor([older_python()], **options),
    "e2b": lambda **options: E2BExecutor(api_key=KEY, python=sys.executable, **options),
    "monty": MontyExecutor,
}
LACKS = {
    "test_state_values_and_calls": "Monty has no threads and holds no object of the host's; see test_monty",
    "test_time_is_limited": "Monty promises nothing about an interpreter that its time limit stopped; see test_monty",
    "test_a_dead_interpreter_is_replaced": "no program in Monty can end its process; see test_monty",
}
"""Cases that need what Monty, a subset of Python, does not have."""


@pytest.fixture(scope="module")
def e2b() -> Iterator[Server]:
    """A loopback E2B that the SDK is pointed at."""
    server = Server()
    wanted = {"E2B_API_URL": server.url, "E2B_SANDBOX_URL": server.url, "E2B_HTTP_VERSION": "1.1"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    yield server
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    server.close()


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest, e2b: Server) -> Callable[..., Any]:
    """Each executor in turn."""
    case = request.function.__name__
    if request.param == "monty" and case in LACKS:
        pytest.skip(LACKS[case])
    if request.param == "sandbox-full":
        need("full")
    if request.param == "command-older" and not older_python():
        pytest.skip("this machine has no CPython older than 3.11")
    return KINDS[request.param]


@tool
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


@tool
async def slow(number: int) -> int:
    """Give the number back after a while."""
    await asyncio.sleep(0.2)
    return number


@tool
def thing() -> object:
    """Give something that is no data."""
    return THING


@tool
def same(what: object) -> bool:
    """Say whether this is the thing."""
    return what is THING


THING = object()


def run(executor: Any, *programs: str) -> RunResult:
    """Run these programs, one a step."""
    with CodeAgent(
        [add, slow, thing, same], ScriptedModel([f"```python\n{p}\n```" for p in programs]), executor=executor
    ) as agent:
        result = agent.run("Go.", return_full_result=True)
    assert isinstance(result, RunResult)
    return result


def test_state_values_and_calls(make: Callable[..., Any]) -> None:
    """Variables live on, values cross as they are, and calls run at once by gather and by threads."""
    result = run(
        make(),
        "x = {'a': (1, 2.5), 'b': {3}, 4: b'five'}\nadd('2', b=3)",
        "import asyncio\nprint(await asyncio.gather(*[slow(i) for i in range(4)]))",
        "from concurrent.futures import ThreadPoolExecutor as P\nwith P(4) as pool:\n    print(list(pool.map(slow, range(4))))",
        "t = thing()\nprint(same(t), same([t][0]), same(1))",
        "final_answer([x, 10 ** 40, float('inf')])",
    )

    assert [step.error for step in result.steps] == [None] * 5
    assert result.steps[0].value == "5"
    assert [step.output for step in result.steps[1:4]] == ["[0, 1, 2, 3]\n", "[0, 1, 2, 3]\n", "True True False\n"]
    assert result.output == [{"a": (1, 2.5), "b": {3}, 4: b"five"}, 10**40, float("inf")]


def test_errors_and_the_final_answer(make: Callable[..., Any]) -> None:
    """Errors have the program's lines, and no except swallows the answer."""
    result = run(
        make(), "def f():\n    1 / 0\nf()", "try:\n    final_answer(7)\nexcept BaseException:\n    pass\nadd(1)"
    )

    assert "<step 1>, line 2, in f" in (result.steps[0].error or "")
    assert result.output == 7


def test_output_is_cut_and_kept(make: Callable[..., Any]) -> None:
    """The first part crosses, the program keeps the rest."""
    result = run(make(output_limit=1000), "print('x' * 5000)", "final_answer(len(outputs[1]))")

    assert len(result.steps[0].output) == 1000
    assert result.steps[0].size == result.output == 5001


def test_time_is_limited(make: Callable[..., Any]) -> None:
    """A program that runs too long is interrupted and keeps its variables."""
    result = run(make(timeout=1.0), "x = 5\nimport time\ntime.sleep(60)", "final_answer(x)")

    assert "interrupted after 1 s" in (result.steps[0].error or "")
    assert result.output == 5


def test_a_dead_interpreter_is_replaced(make: Callable[..., Any]) -> None:
    """The model is told that its variables are gone, and the next program runs in a fresh one."""
    result = run(make(), "x = 5\nimport os\nos._exit(3)", "final_answer('x' in globals())")

    assert result.steps[0].lost
    assert "All variables are gone" in (result.steps[0].error or "")
    assert result.output is False


def test_many_calls_lose_nothing(make: Callable[..., Any]) -> None:
    """Five hundred calls in one program all come back."""
    assert run(make(), "final_answer(sum(add(i, 0) for i in range(500)))").output == sum(range(500))


def test_sandboxes_of_e2b_are_removed(e2b: Server) -> None:
    """When the session ends, so does the vendor's sandbox, and no internet is asked for by default."""
    run(E2BExecutor(api_key=KEY, python=sys.executable), "final_answer(1)")
    for _ in range(50):
        if len(e2b.removed) == len(e2b.created):
            break
        asyncio.run(asyncio.sleep(0.1))

    assert len(e2b.removed) == len(e2b.created)
    assert e2b.created[-1]["allow_internet_access"] is False


def test_what_cannot_be_started_says_why(e2b: Server) -> None:
    """A wrong key, a command that is not there and one that ends at once each have a clear error."""
    with pytest.raises(SandboxError, match="E2B_API_KEY"):
        run(E2BExecutor(api_key="wrong"))
    with pytest.raises(SandboxError, match="'no-such-command' cannot be started"):
        run(CommandExecutor(["no-such-command"]))
    with pytest.raises(SandboxError, match="its command ended and said: .*nowhere"):
        run(CommandExecutor(["sh", "-c", "echo nowhere to run >&2; exit 3"]))
