"""Programs, as models write them, through the public door and the default sandbox."""

from __future__ import annotations

import pytest

from codeling.events import CodeOutput, Event, ToolCallStarted
from codeling.testing import ScriptedModel

from .helpers import agent, run


def test_state_lives_from_step_to_step() -> None:
    """Variables, functions and imports of one step are there in the next."""
    result = run(
        ">import math\nx = add(1, 2)\ndef f(n):\n    return n * x\nprint(x)",
        ">f(math.floor(2.5))",
        ">final_answer(f(5))",
    )

    assert result.output == 15
    assert [step.output for step in result.steps] == ["3\n", "", ""]
    assert result.steps[1].value == "6"


def test_the_answer_is_a_python_value() -> None:
    """An answer crosses as the value that it is, not as text."""
    result = run(">final_answer({1: (2, 3), 'a': {4, 5}, 'big': 10 ** 30})")

    assert result.output == {1: (2, 3), "a": {4, 5}, "big": 10**30}
    assert result.state == "success"


def test_gathered_calls_run_at_once() -> None:
    """asyncio.gather over tools runs the calls concurrently, however the list was built."""
    result = run(
        ">import asyncio\nawait asyncio.gather(slow_double(1), slow_double(2), slow_double(3))",
        ">tasks = [slow_double(i) for i in range(5)]\nprint(await asyncio.gather(*tasks))",
        ">async def f(n):\n    return await slow_double(await slow_double(n))\nprint(await f(3), slow_double(4))",
        ">final_answer('done')",
    )

    assert result.steps[0].value == "[2, 4, 6]"
    assert result.steps[1].output == "[0, 2, 4, 6, 8]\n"
    assert result.steps[2].output == "12 8\n"
    assert all(step.seconds < 0.9 for step in result.steps)


def test_a_tool_is_awaited_by_any_name() -> None:
    """An alias, a variable of a comprehension, a partial and map are as good as the tool's own name; all else is Python."""
    result = run(
        """>
import asyncio, functools
class Base:
    double = slow_double
    async def work(self, n):
        return await Base.double(n)
class Derived(Base):
    order = []
    async def work(self, n):
        return await super().work(n) + 1
    def of(self, n):
        self.order.append(n)
        return self
    async def nothing(self, *n):
        return [*self.order, *n]
f, both, half = slow_double, [slow_double, slow_double], functools.partial(slow_double, 5)
print(await f(1), await half(), await Derived().work(4), f(2))
print(await asyncio.gather(*[g(i) for i, g in enumerate(both)], *map(f, [6, 7]), *(f(n) for n in (8,))))
print(await Derived().of(1).nothing(Derived().of(2) and 3))
async def later(n):
    return await f(n)
""",
        ">final_answer([await later(9), await asyncio.gather(later(1), asyncio.sleep(0, 'x'))])",
    )

    assert result.steps[0].error is None
    assert result.steps[0].output == "2 10 9 4\n[0, 2, 12, 14, 16]\n[1, 2, 3]\n"
    assert result.output == [18, [2, "x"]]


def test_threads_call_at_once() -> None:
    """Calls from threads, of tools that block, run concurrently."""
    result = run(
        ">from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(8) as pool:\n    print(list(pool.map(sleepy, range(8))))",
        ">final_answer(0)",
    )

    assert result.steps[0].output == "[0, 1, 2, 3, 4, 5, 6, 7]\n"
    assert result.steps[0].seconds < 1.2


@pytest.mark.parametrize("handler", ["except BaseException", "except Exception", "except"])
def test_no_except_swallows_the_final_answer(handler: str) -> None:
    """What the program catches, the answer stands and nothing after it is done."""
    calls: list[int] = []

    def note(number: int) -> None:
        """Note a number."""
        calls.append(number)

    result = run(f">try:\n    final_answer(7)\n{handler}:\n    pass\nnote(1)\nfinal_answer(8)", tools=[note])

    assert result.output == 7
    assert calls == []


def test_the_final_answer_comes_from_anywhere() -> None:
    """A function, a comprehension or a thread may give it."""
    assert run(">def f():\n    [final_answer(i) for i in (3, 4)]\nf()").output == 3

    result = run(
        ">import threading\nthread = threading.Thread(target=final_answer, args=(5,))\nthread.start()\nthread.join()"
    )
    assert result.output == 5
    assert result.steps[0].output == ""  # no word of an exception in a thread


def test_errors_show_the_programs_own_lines() -> None:
    """A traceback has the step, the line and the text of what failed, and nothing of ours."""
    result = run(">def f(n):\n    return 1 / n\nf(0)", ">x = = 2", ">f(0)", ">final_answer(0)")
    first, syntax, later, _ = (step.error or "" for step in result.steps)

    assert "<step 1>, line 2, in f\n    return 1 / n" in first
    assert first.endswith("ZeroDivisionError: division by zero")
    assert "worker" not in first
    assert "SyntaxError" in syntax
    assert "<step 1>, line 2, in f" in later
    assert "<step 3>, line 1" in later


def test_a_deep_traceback_has_both_ends() -> None:
    """Of many frames the line where it began and the last six are shown, and that some are left out."""
    result = run(
        ">def f(n):\n    return f(n - 1) if n else 1 / 0\nf(30)", ">final_answer('w' * 20_000_000)", ">final_answer(0)"
    )
    told = (result.steps[0].error or "").splitlines()

    assert told[1:4] == ["  <step 1>, line 3, in <module>", "    f(30)", "  ..."]
    assert sum("in f" in line for line in told) == 6
    assert "\nUnencodable: the value is larger than" in (result.steps[1].error or "")


def test_a_syntax_error_runs_nothing() -> None:
    """No line of a program that cannot be compiled is run."""
    result = run(">print('before')\nx = = 1", ">final_answer(0)")

    assert result.steps[0].output == ""


def test_a_tools_error_is_an_exception_of_the_program() -> None:
    """A failed call raises ToolError, which is also the builtin error that the tool raised."""
    result = run(
        ">try:\n    broken('k')\nexcept KeyError as error:\n    print('caught', error)",
        ">add('x')",
        ">add(1, 2, 3)",
        ">final_answer(add('5'))",
    )

    assert result.steps[0].output == "caught KeyError: 'k'\n"
    assert "argument 'a'" in (result.steps[1].error or "")
    assert "add(a: int, b: int = 1) -> int" in (result.steps[2].error or "")
    assert result.output == 6


def test_long_output_is_cut_in_the_prompt_and_kept_in_the_program() -> None:
    """The model sees both ends and where the rest is; the program can read all of it."""
    made = agent([">for i in range(5000):\n    print(i)", ">len(outputs[1])", ">final_answer(0)"])
    result = made.run("Do it.", return_full_result=True)
    assert isinstance(made.model, ScriptedModel)
    told = made.model.requests[1].messages[-1].content

    assert "characters are left out here; the whole text is in outputs[1]" in told
    assert told.count("\n") < 5000
    assert "\n4999" in told
    assert result.steps[1].value == "23890"


def test_outputs_are_the_programs_to_change() -> None:
    """What a program does to `outputs` costs it nothing but what it has taken out itself."""
    result = run(
        ">x = 1\noutputs['note'] = 5\nprint('first')",
        ">outputs.clear()\nprint(x)",
        ">print(outputs)\nfinal_answer(x)",
    )

    assert not any(step.lost for step in result.steps)
    assert result.steps[2].output == "{2: '1\\n'}\n"


def test_a_line_that_is_being_printed_is_out_before_a_call_and_at_the_end() -> None:
    """Output comes by lines, but never after what the program did next."""
    events: list[Event] = []
    programs = [">print('adding', end=' ... ')\nprint(add(1, 2), end='')", ">final_answer(print('no line', end=''))"]
    result = agent(programs, observers=[events.append]).run("Do it.", return_full_result=True)

    seen = [
        event.text if isinstance(event, CodeOutput) else "call"
        for event in events
        if isinstance(event, CodeOutput | ToolCallStarted)
    ]
    assert seen == ["adding ... ", "call", "3", "no line"]
    assert [step.output for step in result.steps] == ["adding ... 3", "no line"]


def test_a_program_that_detaches_its_output_loses_it_for_itself() -> None:
    """The next program prints again."""
    result = run(
        ">import sys\nprint('one', end='')\nsys.stdout.detach()",
        ">print('two')\nsys.stdout.close()",
        ">print('three')\nfinal_answer(add(1, 2))",
    )

    assert [step.output for step in result.steps] == ["one", "two\n", "three\n"]
    assert result.output == 3


def test_a_covered_name_is_the_tool_again() -> None:
    """A program that gives a tool's name another value and then calls it is told, and the tool is back."""
    result = run(">add = 3\nadd(1)", ">final_answer(add(1))")

    assert "it is the function again" in (result.steps[0].error or "")
    assert result.output == 2


def test_python_is_cpython() -> None:
    """What other interpreters get wrong is as it is in Python."""
    code = """
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

@dataclass
class P:
    x: int = 1
class E(Enum):
    A = 1
def gen():
    yield 1
    yield from (2, 3)
@lru_cache
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
def f():
    try:
        return 1
    except Exception:
        return 2
if (n := len(list(gen()))) == 3:
    match [1, 2, 3]:
        case [first, *rest]:
            pass
for i in range(3):
    pass
else:
    ended = True
print([*gen(), 4], P().x, E.A.name, fib(50), f(), rest, ended, f'{"a"!r}', sum([1, 2]), 2 ** 200 % 7)
"""
    result = run(">" + code, ">final_answer(0)")

    assert result.steps[0].error is None
    assert result.steps[0].output == "[1, 2, 3, 4] 1 A 12586269025 1 [2, 3] True 'a' 3 4\n"


def test_pictures_reach_the_result() -> None:
    """A picture that is shown is a PNG in the step and in the result's artifacts."""
    pytest.importorskip("PIL", reason="the picture is made with Pillow")
    result = run(
        ">from PIL import Image\ndisplay(Image.new('RGB', (4, 4)))\nImage.new('L', (2, 2))", ">final_answer(0)"
    )

    assert [image.data[:4] for image in result.artifacts] == [b"\x89PNG"] * 2


def test_imports_may_be_limited() -> None:
    """With a list, programs import the standard library and what is listed; `*` allows everything."""
    code = [">import json, numpy\nprint('ok')", ">import pandas", ">final_answer(0)"]
    pytest.importorskip("pandas", reason="the imports are of numpy and pandas")
    limited = run(*code, additional_authorized_imports=["numpy"])
    free = run(*code, additional_authorized_imports=["*"])

    assert limited.steps[0].output == "ok\n"
    assert "programs may import the standard library and: numpy; not 'pandas'" in (limited.steps[1].error or "")
    assert free.steps[1].error is None
