"""Programs that end badly: each ends in a clear message, and the next step works."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal

import pytest

from codeling import CodeAgent, SandboxExecutor, tool
from codeling.testing import ScriptedModel

from .helpers import agent, run

QUICK = 1.0


@pytest.mark.parametrize(
    "code", ["while True: pass", "import time\ntime.sleep(60)", "try:\n    7 ** 10 ** 9\nfinally:\n    pass"]
)
def test_a_program_that_never_ends_keeps_its_variables(code: str) -> None:
    """It is interrupted at its limit, the model is told, and the variables are there."""
    result = run(f">x = 5\n{code}", ">final_answer(x)", executor=SandboxExecutor(timeout=QUICK))

    assert "interrupted after 1 s; its variables are kept" in (result.steps[0].error or "")
    assert result.output == 5


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import itertools\nsum(itertools.repeat(1))", "did not stop when interrupted"),
        (
            "import time\nwhile True:\n    try:\n        time.sleep(1)\n    except BaseException:\n        pass",
            "did not stop",
        ),
        ("import os\nos._exit(3)", "its process ended"),
        ("import os\nos.abort()", ""),
        ("import ctypes\nctypes.string_at(0)", ""),
    ],
)
def test_a_program_that_has_to_be_killed_or_dies(code: str, why: str) -> None:
    """Its variables are gone, the model is told so, and a fresh interpreter runs the next step."""
    result = run(
        f">x = 5\n{code}", ">'x' in globals()", ">final_answer(add(1))", executor=SandboxExecutor(timeout=QUICK)
    )
    lost = result.steps[0]

    assert lost.lost
    assert why in (lost.error or "")
    assert "All variables are gone" in (lost.error or "")
    assert result.steps[1].value == "False"
    assert result.output == 2


def test_a_program_that_kills_itself() -> None:
    """It ends its own interpreter, or nothing at all where it is the first process of its namespace."""
    result = run(">import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", ">final_answer(1)")

    assert result.steps[0].lost or result.steps[0].error is None
    assert result.output == 1


def test_a_gigabyte_of_output() -> None:
    """The host keeps the first part, the prompt less, the program all that fits, and the run goes on."""
    result = run(
        ">for _ in range(2000):\n    print('x' * 500_000)", ">final_answer(len(outputs[1]))", executor=SandboxExecutor()
    )

    assert result.steps[0].error is None
    assert len(result.steps[0].output) <= 1 << 20
    assert result.steps[0].size > 1_000_000_000
    assert result.output == 16 << 20


def test_memory_is_limited() -> None:
    """A program that takes too much gets a MemoryError and lives."""
    result = run(">x = bytearray(64 << 30)", ">final_answer(1)")

    assert "MemoryError" in (result.steps[0].error or "")
    assert result.output == 1


def test_an_answer_that_cannot_cross_is_an_error_of_the_program() -> None:
    """A list that holds itself is refused with the reason, and the model may answer again."""
    result = run(">a = []\na.append(a)\nfinal_answer(a)", ">final_answer('flat')")

    assert "refers to itself" in (result.steps[0].error or "")
    assert result.output == "flat"


def test_exit_ends_the_step_only() -> None:
    """sys.exit is an error of its step."""
    result = run(">x = 1\nimport sys\nsys.exit(2)", ">final_answer(x)")

    assert "SystemExit" in (result.steps[0].error or "")
    assert result.output == 1


def test_a_step_that_repeats_the_one_before_is_told_and_not_shown_again() -> None:
    """Copies in a conversation breed copies: the second is left out, said so, and chance is let in until it changes."""
    made = agent([">print(add(1))\n1 / 0", ">print(add(1))\n1 / 0", ">print(add(1))\n1 / 0", ">final_answer('out')"])

    assert made.run("Do it.") == "out"
    assert isinstance(made.model, ScriptedModel)
    second, third, fourth = made.model.requests[1:]
    assert len(third.messages) == len(second.messages) == len(fourth.messages)
    assert third.messages[-1].content.count("1 / 0") == 1
    assert third.messages[-1].content.endswith("ZeroDivisionError: division by zero")  # the reason, once more
    assert third.messages[-1].content.count("the very same again") == 1
    assert fourth.messages[-1].content.count("the very same again") == 2
    assert (second.temperature, third.temperature, fourth.temperature) == (None, 0.7, 0.7)


def test_the_same_words_again_without_a_program_are_told_as_well() -> None:
    """A reply that holds no program, word for word once more, is not shown twice either."""
    made = agent(["Yes, that is right.", "Yes, that is right.", ">final_answer(1)"])

    assert made.run("Do it.") == 1
    assert isinstance(made.model, ScriptedModel)
    assert sum(m.content == "Yes, that is right." for m in made.model.requests[2].messages) == 1


@dataclass
class Order:
    """One that refuses what it is given in its own way."""

    count: int

    def __post_init__(self) -> None:
        raise KeyError(self.count)


@tool
def take(a: uuid.UUID, b: Literal[1] | list[int] | None = None, c: Order | None = None) -> str:
    """Take them."""
    return "taken"


def test_no_argument_ends_the_run() -> None:
    """What cannot even be compared, or is nothing that a class is made of, is refused like any other argument."""
    program = """
from decimal import Decimal
said = []
for given in ({'a': 5}, {'a': [1]}, {'a': Decimal('sNaN')}, {'a': '0' * 32, 'b': Decimal('sNaN')}, {'a': '0' * 32, 'c': {'count': 1}}):
    try:
        take(**given)
    except Exception as error:
        said.append(str(error)[:6])
final_answer(said)
"""
    made = CodeAgent([take], ScriptedModel([f"```python\n{program}\n```"]))

    assert made.run("Go.") == ["take()"] * 5
