"""What of the executors' conformance Monty, a subset of Python, does in its own way."""

from __future__ import annotations

from typing import Any

import pytest

from codeling import CodeAgent, MontyExecutor, RunResult, SandboxError
from codeling.testing import ScriptedModel

from .helpers import add, slow, thing

__all__ = ("add", "slow", "thing")


def programs(*sources: str, **options: Any) -> RunResult:
    """Run these programs in Monty, one a step."""
    model = ScriptedModel([f"```python\n{source}\n```" for source in sources])
    with CodeAgent([add, slow, thing], model, executor=MontyExecutor(**options)) as agent:
        result = agent.run("Go.", return_full_result=True)
    assert isinstance(result, RunResult)
    return result


def test_state_values_and_calls_in_monty() -> None:
    """Variables live on, values cross as they are, and awaited calls run at once."""
    result = programs(
        "x = {'a': (1, 2.5), 'b': {3}, 4: b'five', 'é': 1}\nadd('2', b=3)",
        "import asyncio\nprint(await asyncio.gather(*[slow(i) for i in range(4)]), await slow(5))",
        "names = [slow(number=i) for i in range(3)]\nprint(names)",
        "def f(tool):\n    return tool(7)\nprint(f(add), outputs[2])",
        "final_answer([x, 10 ** 40, float('inf'), None, True])",
    )

    assert [step.error for step in result.steps] == [None] * 5
    assert result.steps[0].value == "5"
    assert [step.output for step in result.steps[1:4]] == ["[0, 1, 2, 3] 5\n", "[0, 1, 2]\n", "8 [0, 1, 2, 3] 5\n\n"]
    assert result.output == [{"a": (1, 2.5), "b": {3}, 4: b"five", "é": 1}, 10**40, float("inf"), None, True]


def test_what_monty_cannot_hold_is_an_error_in_the_program() -> None:
    """A tool's result that cannot cross, a tool's error and an unknown name can be caught by the program."""
    result = programs(
        "for act in (thing, lambda: add('no'), lambda: nowhere()):\n    try:\n        act()\n"
        "    except Exception as error:\n        print(type(error).__name__, str(error)[:40])",
        "final_answer(0)",
    )

    lines = result.steps[0].output.splitlines()
    assert [line.split()[0] for line in lines] == ["RuntimeError", "RuntimeError", "NameError"]
    assert "cannot cross" in lines[0]


def test_time_and_memory_are_limited_in_monty() -> None:
    """A program that takes too much ends, and the next one runs, in a fresh interpreter where need be."""
    result = programs(
        "x = 1\nwhile True:\n    pass",
        "y = [0] * (1 << 32)",
        "try:\n    x\nexcept NameError:\n    final_answer(False)",
        timeout=1.0,
    )

    assert result.steps[0].lost
    assert "All variables are gone" in (result.steps[0].error or "")
    assert "Memory" in (result.steps[1].error or "")
    assert result.output is False


def test_nothing_of_the_host_is_there() -> None:
    """No file, no environment, no process and no import of the host's."""
    attempts = ["open('/etc/passwd')", "__import__('os')", "__builtins__", "os.environ['HOME']", "os.system('id')"]
    source = "import os\n" + "\n".join(
        f"try:\n    print('got', {a})\nexcept BaseException as e:\n    pass" for a in attempts
    )
    result = programs(source, "import socket, subprocess", "final_answer(0)")

    assert result.steps[0].output == ""
    assert result.steps[1].error


def test_a_final_answer_cannot_be_taken_back_in_monty() -> None:
    """Neither by catching its end for ever nor by a second answer."""
    result = programs(
        "while True:\n    try:\n        final_answer(1)\n    except BaseException:\n        final_answer(2)"
    )

    assert result.output == 1


def test_a_closed_session_stays_closed() -> None:
    """Programs of a closed session are refused."""
    import asyncio

    from codeling.protocols import SessionSpec

    async def work() -> None:
        session = await MontyExecutor().open(SessionSpec())
        session.close()
        session.close()
        with pytest.raises(SandboxError, match="closed"):
            await session.run("1", step=1, on_call=none, on_output=lambda text: None)

    async def none(call: object) -> None:
        return None

    asyncio.run(work())


def test_results_side_by_side_that_monty_cannot_hold() -> None:
    """Of calls that are awaited at once, one whose result cannot cross is an error in the program, and no other."""
    result = programs(
        "import asyncio\nasync def other():\n    return await slow(4)\n"
        "try:\n    await asyncio.gather(thing(), other())\nexcept RuntimeError as error:\n    print(error)",
        "await asyncio.gather(add(2), thing())",
        "print(add(3))",
        "final_answer(1)",
    )

    assert "cannot cross into Monty" in result.steps[0].output, result.steps[0].error
    assert "cannot cross into Monty" in (result.steps[1].error or "")
    assert result.steps[2].output == "4\n"
    assert result.output == 1
