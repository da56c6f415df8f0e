"""What every executor must do, run over each of them.

Real: the sandbox at both walls, the unsafe worker, commands, sshd, containers of Podman with runc, a kernel gateway,
Pyodide under Deno, and every CPython from 3.8 that this machine has. Monty too, where it can (`conftest.LACKS`). Recorded: E2B, Modal, Blaxel and Daytona, by the
vendors' real SDKs against loopback servers whose sandboxes really run the worker; the vendors' servers are not reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from codeling import CommandExecutor, RunContinued
from codeling.protocols import SessionSpec

from .conftest import KINDS, LACKS, pythons
from .helpers import run

pytestmark = pytest.mark.timeout(400)  # services and vendors' libraries start slowly on a busy machine
STATE = (
    "x = {'a': (1, 2.5), 'b': {3}, 4: b'five'}\nadd('2', b=3)",
    "import asyncio\nprint(await asyncio.gather(*[slow(i) for i in range(4)]))",
    "t = thing()\nprint(same(t), same([t][0]), same(1))",
    "def f():\n    1 / 0\nf()",
    "print('x' * 5000)",
)
THREADS = "from concurrent.futures import ThreadPoolExecutor as P\nwith P(4) as pool:\n    print(list(pool.map(slow, range(4))))"
ANSWER = "try:\n    final_answer([x, 10 ** 40, float('inf'), len(outputs[5])])\nexcept BaseException:\n    pass\nadd(1)"
MANY = "import asyncio\nfinal_answer(sum(await asyncio.gather(*[add(i, 0) for i in range(5000)])))"
VALUES = """
import datetime as d, decimal, fractions, pathlib, uuid
given = [
    None, True, -1, 10 ** 50, 1.5, float('-inf'), 'a\\u00e9\\U0001f40d\\ud800', b'\\x00\\xff', 2 + 3j, (1, (2,)), [1, [2]],
    {1, 2}, frozenset({3}), {'a': 1, 2: (3,), (4, 5): None}, d.datetime(2026, 1, 2, 3, 4, 5, 6), d.date(2026, 1, 2),
    d.datetime(2026, 1, 2, tzinfo=d.timezone.utc), d.time(1, 2, 3), d.timedelta(days=1, microseconds=5),
    decimal.Decimal('1.10'), fractions.Fraction(1, 3), uuid.UUID(int=7), pathlib.PurePosixPath('/a/b'),
]
back = [echo(value) for value in given]
print([(a, b) for a, b in zip(given, back) if a != b or type(a) is not type(b)])
"""
SAME_STREAMS = ("sandbox-strong", "unsafe-local")
"""Kinds whose bytes go the way of `sandbox-full` and of `command`."""
NO_HANDLES = (
    "try:\n    thing()\nexcept Exception as error:\n    print(type(error).__name__, 'cannot cross' in str(error))"
)


def check_state(result: Any, third: str = "True True False\n") -> None:
    """Hold a run of `STATE` and `ANSWER` against what must be."""
    assert [step.error for step in result.steps[:3]] == [None] * 3
    assert result.steps[0].value == "5"
    assert [step.output for step in result.steps[1:3]] == ["[0, 1, 2, 3]\n", third]
    assert "<step 4>, line 2, in f" in (result.steps[3].error or "")
    assert (len(result.steps[4].output), result.steps[4].size) == (1000, 5001)
    assert result.output == [{"a": (1, 2.5), "b": {3}, 4: b"five"}, 10**40, float("inf"), 5001]


def test_state_values_calls_errors_and_output(kind: str, make: Callable[..., Any]) -> None:
    """Variables live on, values cross, calls run at once, errors have lines, output is cut, no except takes the answer.

    What a kind lacks is an error of the program, not of the run.
    """
    lacks = LACKS.get(kind, {})
    state = [*STATE[:2], NO_HANDLES if "handles" in lacks else STATE[2], *STATE[3:]]
    result = run(make(output_limit=1000), *state, THREADS, ANSWER)

    check_state(result, *(["RuntimeError True\n"] if "handles" in lacks else []))
    assert ("concurrent" in (result.steps[5].error or "")) is ("threads" in lacks)
    assert result.steps[5].output == ("" if "threads" in lacks else "[0, 1, 2, 3]\n")
    assert next(event for event in result.events if isinstance(event, RunContinued)).isolation


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "interrupts" not in LACKS.get(kind, {})])
def test_time_is_limited_and_the_dead_are_replaced(make: Callable[..., Any]) -> None:
    """A program that runs too long is interrupted and keeps its variables; a dead interpreter is told and replaced."""
    result = run(
        make(timeout=1.5), "x = 5\nimport time\ntime.sleep(60)", "print(x)", "import os\nos._exit(3)",
        "final_answer('x' in globals())",
    )  # fmt: skip

    assert "interrupted after 1.5 s" in (result.steps[0].error or "")
    assert result.steps[1].output == "5\n"
    assert result.steps[2].lost
    assert "All variables are gone" in (result.steps[2].error or "")
    assert result.output is False


def test_the_order_of_sets_is_the_same_again(make: Callable[..., Any]) -> None:
    """A run that is resumed in another interpreter finds its sets in the order that they had."""
    executor = make()
    first, second = (run(executor, "final_answer([hash('a text'), list({'a', 'b', 'c', 'd'})])") for _ in range(2))

    assert first.output == second.output


def test_a_program_that_runs_again_sees_the_time_at_which_it_ran(make: Callable[..., Any]) -> None:
    """The clock of a program that a resumed run repeats is that of its first time; of the next, the machine's."""
    look = (
        "import time, datetime as d\n[int(time.time()) // 10, d.date.today().year, d.datetime.now(d.timezone.utc).year]"
    )

    async def no_calls(call: object) -> None:
        raise AssertionError

    async def work() -> list[Any]:
        session = await make().open(SessionSpec())
        try:
            session.clock = 1_000_000_000.0
            return [
                (await session.run(look, step=step, on_call=no_calls, on_output=lambda text: None)).value
                for step in (1, 2)
            ]
        finally:
            session.close()

    then, now = asyncio.run(work())
    assert then == "[100000000, 2001, 2001]"
    assert "2001" not in now


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in SAME_STREAMS])
def test_five_thousand_calls_lose_nothing(make: Callable[..., Any]) -> None:
    """Five thousand calls of one program all come back."""
    assert run(make(timeout=100.0), MANY).output == sum(range(5000))


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.12", "3.13"])
def test_other_pythons(version: str) -> None:
    """The worker runs on CPython 3.8 and newer, and values mean the same."""
    if version not in pythons():
        pytest.skip(f"this machine has no CPython {version}")
    executor = CommandExecutor([pythons()[version]], output_limit=1000)
    result = run(executor, *STATE, "import sys\nprint(sys.version_info[:2])", VALUES, ANSWER)

    check_state(result)
    assert result.steps[5].output == f"(3, {version[2:]})\n"
    assert (result.steps[6].output, result.steps[6].error) == ("[]\n", None)


def test_in_webassembly(make_kind: Callable[[str], Callable[..., Any]]) -> None:
    """The same holds in WebAssembly, but for threads; and the guest reaches nothing."""
    attacks = """
import js
from pyodide.code import run_js
def tried(attempt):
    try:
        return str(attempt())
    except BaseException as error:
        return type(error).__name__ + str(error)[:60]
print(tried(lambda: js.Deno.readTextFileSync('/etc/passwd')))
print(tried(lambda: js.Deno.writeTextFileSync('/tmp/codeling-was-here', 'x')))
print(tried(lambda: js.Deno.env.get('HOME')))
print(tried(lambda: js.Deno.Command.new('/usr/bin/id').outputSync()))
print(tried(lambda: open('/etc/shadow').read()))
async def reach():
    try:
        return str(js.Deno.connect)
    except BaseException as error:
        return str(error)
print(tried(lambda: run_js('Deno.listen({port: 0})')))
"""
    threads = "import threading\nthreading.Thread(target=print).start()"
    result = run(make_kind("pyodide")(output_limit=1000, timeout=60.0), *STATE, attacks, threads, MANY.replace(
        "final_answer(", "print("), ANSWER)  # fmt: skip

    check_state(result)
    tried = result.steps[5].output.splitlines()
    assert len(tried) == 6
    assert all("NotCapable" in line or "FileNotFound" in line for line in tried), tried
    assert "can't start new thread" in (result.steps[6].error or "")
    assert result.steps[7].output == f"{sum(range(5000))}\n"
