"""What a person sees of runs, from real runs in the default sandbox."""

from __future__ import annotations

import asyncio
import io
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from typing import Any

import pytest

from codeling import CodeAgent, TerminalObserver, ToolCallingAgent, tool
from codeling.events import CodeOutput, ModelDelta, RunFinished, RunStarted, StepStarted, ToolCallFinished
from codeling.messages import Delta, ToolCall
from codeling.protocols import Approval
from codeling.testing import ScriptedModel


@tool
def double(number: int) -> int:
    """Double a number."""
    return number * 2


@tool(needs_approval=True)
def launch(where: str) -> str:
    """Launch something."""
    return f"launched to {where}"


def program(code: str, thought: str = "Let me see.") -> str:
    """Give a reply as a model writes it."""
    return f"{thought}\n```python\n{code}\n```"


def seen(*programs: str, color: bool | None = None, tools: Iterable[Any] = (double,), **options: Any) -> str:
    """Give what is shown of a run whose model writes these programs."""
    file = io.StringIO()
    shown = {name: options.pop(name) for name in ("quiet", "answer") if name in options}
    observer = TerminalObserver(file, color=color, **shown)
    agent = CodeAgent(tools, ScriptedModel([program(code) for code in programs]), observers=[observer], **options)
    agent.run("Do it.", return_full_result=True)
    agent.close()
    return file.getvalue()


def test_a_run_is_told_step_by_step() -> None:
    """Task, wall, thought, program, call, result, output, value, answer and end are all there, in this order."""
    text = seen("x = double(21)\nprint('got', x)\nx", "final_answer(x)")
    step = ["Step 1", "Let me see.", "1  x = double(21)", "> double(21)", "< 42", "| got 42", "= 42", "tokens in"]
    end = ["Step 2", "final_answer(x)", "answer: 42", "Done", "2 steps, "]
    parts = ["CodeAgent, run ", "Do it.", "wall: ", *step, *end]
    places = [text.find(part) for part in parts]

    assert -1 not in places, dict(zip(parts, places, strict=True))
    assert places == sorted(places)


def test_hostile_output_never_reaches_the_terminal_raw() -> None:
    """ANSI, control and bidirectional characters of programs, values and models are shown as escapes."""
    hostile = "\\x1b]0;title\\x07\\x1b[2J\\u202e\\x9b31m"
    for color in (None, True):
        text = seen(f"print('{hostile}')\n'{hostile}'", f"final_answer('{hostile}')", color=color)

        assert "\\x1b]0;title\\x07" in text
        assert not {"\x07", "\u202e", "\x9b"} & set(text)
        assert "\x1b]" not in text
        assert "\x1b[2J" not in text


def test_markup_of_rich_is_text() -> None:
    """What looks like rich's markup or emoji codes is shown as it was printed."""
    assert "[bold red]x[/] :smile:" in seen("print('[bold red]x[/] :smile:')", "final_answer(1)", color=True)


def test_colour_highlights_the_program() -> None:
    """With colour the text is the same, and the program is highlighted."""
    text = seen("import math\nmath.pi", "final_answer(1)", color=True)

    assert "\x1b[" in text
    assert "3.14159" in text


def test_nested_runs_are_indented() -> None:
    """A managed agent's run is told inside the step that called it, under its own name."""
    file = io.StringIO()
    helper = CodeAgent([], ScriptedModel([program("final_answer(7)")]), name="helper", description="Helps.")
    model = ScriptedModel([program("print(helper('Give seven.'))"), program("final_answer(8)")])
    CodeAgent([], model, managed_agents=[helper], observers=[TerminalObserver(file)]).run("Do it.")
    lines = file.getvalue().splitlines()

    assert any(line.startswith("    helper, run ") for line in lines)
    assert "    helper: step 1" in lines
    assert "      answer: 7" in lines
    assert lines.index("    helper: step 1") < next(i for i, line in enumerate(lines) if line.startswith("  < 7"))


def test_runs_beside_each_other_are_told_apart() -> None:
    """Where two agents work at once, every line stands below the name of the one that it is from."""
    both: list[asyncio.Future[None]] = []

    @tool
    async def meet() -> None:
        """Wait until both are there."""
        both.append(asyncio.get_running_loop().create_future())
        mine = both[-1]
        if len(both) == 2:
            both.pop().set_result(None)
            both.pop().set_result(None)
        await mine

    def worker(name: str) -> CodeAgent:
        code = f"for turn in range(3):\n    print('{name}', turn)\n    meet()\nfinal_answer('of {name}')"
        return CodeAgent([meet], ScriptedModel([program(code)]), name=name, description="Works.")

    file = io.StringIO()
    code = "import asyncio\nawait asyncio.gather(ann('Begin.'), bob('Begin.'))\nfinal_answer(1)"
    workers = [worker("ann"), worker("bob")]
    CodeAgent([], ScriptedModel([program(code)]), managed_agents=workers, observers=[TerminalObserver(file)]).run("Go.")
    whose, found = "", []
    for line in file.getvalue().splitlines():
        named = re.match(r" {4,6}(ann|bob)(?:, run| \w{8}(?:: step 1|, step 1 …| …)$)", line)
        whose = named[1] if named else whose
        found += [(whose, said[1]) for said in [re.match(r" {6}(?:\| |answer: of )(ann|bob)", line)] if said]

    assert len(found) == 8, file.getvalue()
    assert all(whose == said for whose, said in found), file.getvalue()


def test_errors_and_failed_calls_are_told() -> None:
    """A failed call has its error as its result, and the program's error is there too."""
    text = seen("double('x')", "double(1, 2, 3)", "final_answer(1)")

    assert "ToolError" in text
    assert "Traceback" in text


def test_tables_and_texts_are_told_as_such() -> None:
    """A call that gives a table is told by its size and columns; an answer that is a table or a text keeps its lines."""
    pandas = pytest.importorskip("pandas", reason="tables are pandas'")

    @tool
    def visits() -> object:
        """Give a table."""
        return pandas.DataFrame({"city": ["Oslo", "Ghent"], "visits": [388, 295]})

    text = seen("table = visits()", "final_answer(table)", tools=[visits])
    lines = seen("final_answer('one\\ntwo')").splitlines()

    assert "< <DataFrame, 2 rows: city, visits>" in text
    assert "  answer:\n      city  visits\n  0   Oslo     388\n  1  Ghent     295\n" in text
    assert lines[lines.index("  answer: one") + 1] == "  two"


def test_a_flood_is_cut() -> None:
    """Much output and many calls are cut, and how much is missing is said."""
    text = seen("for i in range(3000):\n    print('line', i)\nfor i in range(60):\n    double(i)", "final_answer(1)")

    assert "| line 0" in text
    assert "more characters of output" in text
    assert "… 35 more calls" in text
    assert text.count("\n") < 150


def test_one_endless_line_is_cut() -> None:
    """A line without an end takes no more room than many lines."""
    text = seen("print('x' * 3_000_000)", "final_answer(1)")

    assert len(text) < 10_000
    assert "more characters of output" in text


def test_approvals_are_told() -> None:
    """A call that waits for a person is shown, and what the person said."""

    async def no(call: ToolCall, reason: str, /) -> Approval:
        return Approval(approved=False, reason="too late today")

    text = seen("launch('the Moon')", "final_answer(1)", tools=[launch], approver=no)

    assert "Waits for approval (the tool needs approval): launch('the Moon')" in text
    assert "Refused: too late today" in text


def test_quiet_says_only_what_matters() -> None:
    """A good run is silent; a bad end and a call that waits are told."""
    assert seen("final_answer(1)", quiet=True) == ""

    text = seen("launch('the Moon')", tools=[launch], quiet=True)
    assert "launch('the Moon')" in text
    assert "Waits for a person" in text
    assert "Step 1" not in text


def test_the_answer_may_be_left_out() -> None:
    """Whoever shows the answer elsewhere need not see it twice."""
    assert "answer: 12345" not in seen("final_answer(12345)", answer=False)


def test_json_calls_are_told() -> None:
    """The other form of action is shown as well: what was said, each call, each result."""
    file = io.StringIO()
    calls = [
        ToolCall(id="a", name="double", kwargs={"number": 4}),
        ToolCall(id="b", name="double", kwargs={"number": 5}),
    ]
    model = ScriptedModel([calls, [ToolCall(id="c", name="final_answer", kwargs={"answer": 9})]])
    ToolCallingAgent([double], model, observers=[TerminalObserver(file)]).run("Do it.")

    assert "> double(number=4)" in file.getvalue()
    assert "< 10" in file.getvalue() or "< double(number=5): 10" in file.getvalue()
    assert "answer: 9" in file.getvalue()


class Terminal(io.StringIO):
    """A file that says that it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_a_call_is_shown_before_it_acts_on_a_terminal() -> None:
    """A tool that writes to the terminal, or asks there, finds its own call and all before it shown."""
    found: list[str] = []

    @tool
    def look(number: int) -> int:
        """Look at the terminal."""
        found.append(file.getvalue())
        return number

    for color in (None, False):
        file = Terminal()
        code = program("print('first')\nlook(27)\nfinal_answer(1)")
        CodeAgent([look], ScriptedModel([code]), observers=[TerminalObserver(file, color=color)]).run("Do it.")

    assert len(found) == 2
    for text in found:
        assert text.index("first") < text.index("look(27)", text.index("first"))


def test_a_question_comes_after_what_was_before_it() -> None:
    """Who is asked about a call has been shown the program, and that it waits, wherever the lines go."""
    file = io.StringIO()
    found: list[str] = []

    async def yes(call: ToolCall, reason: str, /) -> Approval:
        found.append(file.getvalue())
        return Approval(approved=True)

    code = program("print('first')\nfinal_answer(launch('x'))")
    agent = CodeAgent([launch], ScriptedModel([code]), approver=yes, observers=[TerminalObserver(file)])
    agent.run("Do it.")

    assert "| first" in found[0]
    assert "Waits for approval (the tool needs approval): launch('x')" in found[0]


class Stopped(io.StringIO):
    """A file that takes nothing before it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def write(self, text: str, /) -> int:
        """Wait, and write."""
        self.go.wait(120)
        return super().write(text)


def test_a_terminal_that_takes_nothing_holds_up_no_run() -> None:
    """Runs end while their lines cannot be written; once they can, all are, in their order."""
    file = Stopped()
    observer = TerminalObserver(file)
    agent = CodeAgent([double], ScriptedModel([program(f"final_answer({n})") for n in (1, 2)]), observers=[observer])
    answers = [agent.run("Do it."), agent.run("Do it again.")]
    shown = file.getvalue()
    file.go.set()
    observer.close()

    assert (answers, shown) == ([1, 2], "")
    assert (
        file.getvalue().index("answer: 1") < file.getvalue().index("Do it again.") < file.getvalue().index("answer: 2")
    )


CUT_SHORT = """
from codeling import TerminalObserver
from codeling.events import RunStarted, StepStarted
observer = TerminalObserver()
observer(RunStarted(run_id="x", task="The task."))
observer(StepStarted(run_id="x", step=1))
"""


def test_the_end_of_the_process_loses_no_line() -> None:
    """What happened last is shown even where the process ends in the middle of a run."""
    done = subprocess.run([sys.executable, "-c", CUT_SHORT], capture_output=True, text=True, timeout=100, check=True)

    assert "The task." in done.stderr
    assert "Step 1" in done.stderr


class Broken(io.StringIO):
    """A file that cannot be written."""

    def write(self, text: str, /) -> int:
        """Fail as a pipe without a reader does."""
        raise BrokenPipeError


class Nasty:
    """A value whose description fails."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize("color", [None, True])
def test_it_never_raises(color: bool | None) -> None:
    """A closed or broken file, and events out of order or with broken values, harm nobody."""
    closed = io.StringIO()
    closed.close()
    for file in (closed, Broken(), io.StringIO()):
        observer = TerminalObserver(file, color=color)
        observer(ToolCallFinished(run_id="x", call_id="nobody's", value=Nasty()))
        observer(RunStarted(run_id="x", task="\ud800", variables={"v": Nasty()}))
        observer(StepStarted(run_id="x", step=1))
        observer(ModelDelta(run_id="x", delta=Delta(text="…")))
        observer(CodeOutput(run_id="y", text="half a line"))
        observer(RunFinished(run_id="x", state="failed", error="it broke"))
        observer.close()


def test_a_narrow_encoding_is_no_obstacle() -> None:
    """A log in ASCII gets escapes for what it cannot hold."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    observer = TerminalObserver(file)
    observer(RunStarted(run_id="x", task="größer → besser"))
    observer.close()

    assert b"gr\\xf6\\xdfer \\u2192 besser" in raw.getvalue()


def test_a_program_is_in_colour_while_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The live line below shows the last lines of the reply; once they are Python, as Python."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for said, coloured in (("I think import is a word", False), ("Now.\n```python\nimport math\n", True)):
        file = Terminal()
        observer = TerminalObserver(file)
        observer(StepStarted(run_id="x", step=1))
        observer(ModelDelta(run_id="x", delta=Delta(text=said)))
        until = time.monotonic() + 60
        while "import" not in file.getvalue() and time.monotonic() < until:
            time.sleep(0.05)  # the live line is drawn again and again
        observer.close()
        line = next(line for line in reversed(file.getvalue().split("\n")) if "import" in line)

        assert bool(re.search("\x1b\\[94[;0-9]*mimport", line)) == coloured, line


def test_a_stored_run_does_not_move() -> None:
    """With `live=False` a terminal gets colours and no moving line."""
    file = Terminal()
    observer = TerminalObserver(file, live=False)
    observer(StepStarted(run_id="x", step=1))
    observer(ModelDelta(run_id="x", delta=Delta(text="hm")))
    observer.close()

    assert "thinking" not in file.getvalue()
    assert "Step 1" in file.getvalue()
