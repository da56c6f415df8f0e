"""Asking a person: once or for the run, with changed arguments, with what comes next; and pauses that hold."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from codeling import (
    Approval,
    ApprovalRequested,
    ApprovalResolved,
    CodeAgent,
    Limits,
    MemoryJournal,
    RunPaused,
    ToolCall,
    tool,
)
from codeling.approvals.ahead import calls_ahead
from codeling.errors import EndsRun, UsageError
from codeling.events import ToolCallFinished
from codeling.testing import ScriptedModel
from tests.core.helpers import program

sent: list[str] = []


@pytest.fixture(autouse=True)
def nothing_sent() -> None:
    """Each test counts what was sent."""
    sent.clear()


@tool(effect="irreversible", needs_approval=True)
def send(to: str, text: str = "") -> str:
    """Send a message."""
    sent.append(to)
    return f"sent to {to}"


@tool(effect="read")
def find(name: str) -> str:
    """Find an address."""
    return f"{name}@example.org"


def agent(*programs: str, **options: Any) -> CodeAgent:
    """Give an agent whose model writes these programs."""
    return CodeAgent([send, find], ScriptedModel([program(code) for code in programs]), **options)


def answering(*answers: Any) -> tuple[Callable[..., Any], list[ApprovalRequested]]:
    """Give an approver with these answers, and what it was asked."""
    left, asked = list(answers), list[ApprovalRequested]()

    async def approve(call: ToolCall, reason: str, request: ApprovalRequested, /) -> Any:
        asked.append(request)
        return left.pop(0)

    return approve, asked


def test_always_is_asked_once_in_a_run() -> None:
    """`always` allows further calls of that tool in this run, and of no other run."""
    approve, asked = answering(Approval(approved=True, always=True), False)
    made = agent(
        "for name in 'abc':\n    send(name)\nfinal_answer(1)",
        "try:\n    send('d')\nexcept Exception as error:\n    final_answer(str(error))",
        approver=approve,
    )
    made.run("Send.")

    assert (sent, len(asked)) == (["a", "b", "c"], 1)
    assert "refused by a person" in made.run("Send again.")
    assert sent == ["a", "b", "c"]


def test_a_person_who_thinks_holds_nobody_up() -> None:
    """A plain function may wait for its answer: other runs go on, and a run that is interrupted meanwhile does not act."""
    thinks, answer = threading.Event(), threading.Event()

    def approve(call: ToolCall, reason: str) -> bool:
        thinks.set()
        return answer.wait(60)

    asking = agent("send('a')", approver=approve)
    result: list[Any] = []
    thread = threading.Thread(target=lambda: result.append(ended(asking)))
    thread.start()
    assert thinks.wait(60)
    assert agent("final_answer(find('b'))").run("Find.") == "b@example.org"
    asking.interrupt()
    thread.join(60)
    answer.set()

    assert (result, sent) == (["interrupted"], [])


def ended(made: CodeAgent) -> str:
    """Give the state in which a run ends that does not come to an answer."""
    with pytest.raises(EndsRun) as error:
        made.run("Send.")
    return str(error.value.result.state)


def test_a_person_changes_the_arguments() -> None:
    """The call is made with what the person wrote, and that is on record."""
    approve, _ = answering(Approval(approved=True, arguments={"to": "safe"}))
    result = agent("final_answer(send('danger'))", approver=approve).run("Send.", return_full_result=True)
    resolved = next(event for event in result.events if isinstance(event, ApprovalResolved))

    assert (result.output, sent) == ("sent to safe", ["safe"])
    assert resolved.arguments == {"to": "safe"}


def test_a_denial_tells_the_program_why() -> None:
    """The program sees the person's reason and may go on."""
    approve, _ = answering(Approval(approved=False, reason="not on a Sunday"))
    code = "try:\n    send('a')\nexcept Exception as error:\n    final_answer(f'{type(error).__name__} {error}')"

    assert "not on a Sunday" in agent(code, approver=approve).run("Send.")


@pytest.mark.parametrize(
    "code",
    [
        "try:\n    send('a')\nexcept BaseException:\n    pass\nfinal_answer('swallowed')",
        "import threading\nt = threading.Thread(target=send, args=('a',))\nt.start()\nt.join(0.5)\nfinal_answer('swallowed')",
        "import asyncio\ndone = await asyncio.gather(send('a'), find('b'), return_exceptions=True)\nfinal_answer('swallowed')",
        "import asyncio\ntask = asyncio.ensure_future(send('a'))\nawait asyncio.sleep(0.2)\nfinal_answer('swallowed')",
        "import signal\ntry:\n    send('a')\nfinally:\n    final_answer('swallowed')",
    ],
    ids=["except", "thread", "gather", "task", "finally"],
)
def test_a_pause_cannot_be_swallowed(code: str) -> None:
    """Whatever a program does about it, the run waits for the person, and nothing is sent before."""
    journal = MemoryJournal()
    with pytest.raises(RunPaused) as caught:
        agent(code, journal=journal).run("Send.")

    assert sent == []
    assert caught.value.result.state == "paused"
    agent(journal=journal).resume(caught.value.result.run_id, approve=True)
    assert sent == ["a"]


def test_other_calls_of_a_gather_go_on() -> None:
    """They are made and recorded before the run pauses, those too that come after the one that waits."""
    code = "import asyncio\nawait asyncio.gather(send('a'), *(find(str(n)) for n in range(5)))"
    with pytest.raises(RunPaused) as caught:
        agent(code, journal=MemoryJournal()).run("Send.")
    ended = [event.value for event in caught.value.result.events if isinstance(event, ToolCallFinished)]

    assert sorted(ended) == [f"{n}@example.org" for n in range(5)]


def test_a_limit_in_a_gather_ends_the_run_with_what_was_begun() -> None:
    """Of ten calls at once with five left, five are made and recorded to their end, and none is begun beyond."""
    made = CodeAgent(
        [find, send],
        ScriptedModel([program("import asyncio\nawait asyncio.gather(*(find(str(n)) for n in range(10)))")]),
        limits=Limits(tool_calls=5),
        journal=MemoryJournal(),
    )
    result = made.run("Find.", return_full_result=True)

    assert result.state == "limit"
    assert sum(isinstance(event, ToolCallFinished) for event in result.events) == 5


def test_the_person_sees_what_comes_next() -> None:
    """Before the call is allowed, the rest of the program's calls are shown as far as they can be read."""
    approve, asked = answering(True, True, True)
    code = (
        "subject = 'Hello'\nto = find('ann')\nsend(to, subject)\n"
        "if len(to) > 3:\n    send('bob', text=subject)\nfor name in ():\n    find(name)\nfinal_answer(send('eve'))"
    )
    agent(code, approver=approve).run("Send.")

    assert asked[0].ahead == (
        "send('bob', text='Hello')  # irreversible, line 5, perhaps",
        "find(…)  # read, line 7, any number of times",
        "send('eve')  # irreversible, line 8",
    )
    assert asked[2].ahead == ("find(…)  # read, line 7, any number of times",)


@pytest.mark.parametrize(
    ("code", "ahead"),
    [
        ("send('a')\nlist(map(send, names))", ("send(…)  # irreversible, line 2, perhaps, any number of times",)),
        ("send('a')\nsend(*names, **more)", ("send(…, **…)  # irreversible, line 2",)),
        ("while True:\n    send('a')", ("send('a')  # irreversible, line 2, any number of times",)),
        ("x = 'p'\nx = 'q'\nsend('a')\nsend(x)", ("send(…)  # irreversible, line 4",)),
        ("send('a'); send('a'); send('b')", ("send('a')  # irreversible, line 1", "send('b')  # irreversible, line 1")),
        ("send('a')", ()),
        ("this is no Python", ()),
    ],
)
def test_what_can_be_read_from_a_program(code: str, ahead: tuple[str, ...]) -> None:
    """Known arguments are shown, unknown ones are `…`; conditions and loops are said."""
    tools = {"send": send, "find": find}

    assert calls_ahead(code, ToolCall(id="1", name="send", args=("a",)), made=[], tools=tools) == ahead


def test_a_policy_decides_by_tool_effect_and_argument() -> None:
    """A mapping by name, pattern or effect, or a function of the call and the tool."""

    def by_argument(call: ToolCall, tool: Any) -> Any:
        return "deny" if call.args[0] == "eve" else "allow"

    code = "try:\n    final_answer(send('eve'))\nexcept Exception as error:\n    final_answer(str(error))"

    assert "not allowed" in agent(code, policy=by_argument).run("Send.")
    assert "not allowed" in agent(code, policy={"effect:irreversible": "deny"}).run("Send.")
    assert "not allowed" in agent(code, policy={"s*": "deny", "*": "allow"}).run("Send.")
    assert agent(code, policy={"*": "allow"}).run("Send.") == "sent to eve"
    with pytest.raises(UsageError, match="'allow', 'ask' or 'deny', not 'perhaps'"):
        agent(code, policy={"send": "perhaps"}).run("Send.")


@pytest.mark.parametrize("written", ["pay('900', 'eve')", "pay(to='eve', amount=900)", "pay(900)"])
def test_arguments_are_judged_however_they_are_written(written: str) -> None:
    """By name or by place, as a text or a number, or left to its default: a rule and an approver see the same values."""
    seen: list[ToolCall] = []

    @tool
    def pay(amount: float, to: str = "eve") -> str:
        """Pay an amount."""
        return "paid"

    def by_name(call: ToolCall, tool: Any) -> Any:
        return "ask" if call.kwargs["amount"] > 100 and call.kwargs["to"] == "eve" else "allow"

    async def approve(call: ToolCall, reason: str) -> bool:
        seen.append(call)
        return False

    code = f"try:\n    final_answer({written})\nexcept Exception as error:\n    final_answer(str(error))"
    run = CodeAgent([pay], ScriptedModel([program(code)]), policy=by_name, approver=approve)

    assert "refused by a person" in run.run("Pay.")
    assert [(call.args[0], call.kwargs) for call in seen] == [(900.0, {"amount": 900.0, "to": "eve"})]


@pytest.mark.parametrize(
    "code",
    [
        "x = " + "+".join(["1"] * 900) + "\np = pay\np('a')\npay('b')",
        "p = pay\np(16 ** 6000)\npay(5)",
        f"p = pay\np('a')\npay(0x{'f' * 5000})",
    ],
    ids=["nested deep", "a number too long to write", "one in the program"],
)
def test_no_program_is_too_hard_to_ask_about(code: str) -> None:
    """Whatever the program is and gives to the call, a person is asked and the run goes on."""

    @tool(needs_approval=True)
    def pay(amount: Any) -> None:
        """Pay."""

    approve, asked = answering(*[True] * 5)
    made = CodeAgent([pay], ScriptedModel([program(code), program("final_answer(1)")]), approver=approve)

    assert made.run("Pay.") == 1
    assert len(asked) == 2


def test_of_very_many_calls_nobody_looks_for_the_place() -> None:
    """Then all that may be called is ahead."""
    code = "\n".join(f"find({n})" for n in range(1000)) + "\nsend('a')"
    made = [ToolCall(id=str(n), name="find", args=(-1,)) for n in range(1000)]
    ahead = calls_ahead(code, ToolCall(id="x", name="send", args=("a",)), made=made, tools={"send": send, "find": find})

    assert ahead[-1] == "… and 981 more"
