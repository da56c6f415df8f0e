"""The loop and its doors, with a scripted model and the default sandbox."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest

from codeling import (
    Agent,
    CodeAgent,
    EndsRun,
    FinalAnswerTool,
    Interrupted,
    LimitReached,
    Limits,
    MemoryJournal,
    ModelError,
    Reply,
    Request,
    TerminalObserver,
    Tool,
    UsageError,
    Verdict,
    tool,
)
from codeling.events import Event, ModelDelta, RunFinished, RunStarted, StepFinished, ToolCallDenied, ToolCallStarted
from codeling.testing import ScriptedModel

from .helpers import add, agent, program, run


def requests(made: CodeAgent) -> list[Request]:
    """What the agent's scripted model was asked."""
    assert isinstance(made.model, ScriptedModel)
    return made.model.requests


def test_the_step_after_the_last_asks_for_an_answer() -> None:
    """When the steps are used up the model is asked once more, and the result says so."""
    result = run(">1", ">2", ">final_answer('late')", max_steps=2)

    assert (result.output, result.state) == ("late", "max_steps_error")
    assert len(result.steps) == 3
    assert run(">1", "It is seven.", max_steps=1).output == "It is seven."


def test_run_takes_its_own_number_of_steps() -> None:
    """`max_steps` of a run goes before the agent's; 0 asks for the answer at once."""
    made = agent([">final_answer(1)"])

    assert made.run("Do it.", max_steps=0, return_full_result=True).state == "max_steps_error"


def test_a_streamed_run_gives_its_events() -> None:
    """stream=True gives typed events from RunStarted to RunFinished, with the reply's pieces between."""
    events: list[Event] = list(agent([">add(1)", ">final_answer(2)"]).run("Do it.", stream=True))

    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunFinished)
    assert events[-1].output == 2
    assert any(isinstance(event, ModelDelta) for event in events)
    assert [event.call.name for event in events if isinstance(event, ToolCallStarted)] == ["add"]
    assert [event.step for event in events if isinstance(event, StepFinished)] == [1, 2]


def test_a_stream_that_is_closed_ends_its_run() -> None:
    """Leaving the loop over the events stops the program and records the run's end."""
    made = agent([">import time\ntime.sleep(30)"])
    since = time.monotonic()
    for event in made.run("Do it.", stream=True):
        if isinstance(event, ModelDelta):
            break

    assert time.monotonic() - since < 5


def test_arun_and_astream_work_in_a_loop() -> None:
    """The async doors give what the sync ones give, and `run` works inside a running loop too."""

    async def work() -> tuple[Any, list[str], Any]:
        first = await agent([">final_answer(1)"]).arun("Do it.")
        names = [type(event).__name__ async for event in agent([">final_answer(2)"]).astream("Do it.")]
        return first, names, agent([">final_answer(3)"]).run("Do it.")

    first, names, third = asyncio.run(work())

    assert (first, third) == (1, 3)
    assert names[0] == "RunStarted"
    assert names[-1] == "RunFinished"


def test_interrupt_works_inside_a_step() -> None:
    """A program that would sleep for long is stopped, and the result holds what there was."""
    made = agent([">print('here')", ">import time\ntime.sleep(60)"])
    threading.Timer(1.0, made.interrupt).start()
    since = time.monotonic()
    with pytest.raises(Interrupted) as caught:
        made.run("Do it.")

    assert time.monotonic() - since < 5
    assert caught.value.result.state == "interrupted"
    assert caught.value.result.steps[0].output == "here\n"


def test_cancelling_leaves_nothing_running() -> None:
    """A run under a timeout is cancelled with its program, and its end is recorded."""
    seen: list[Event] = []

    async def work() -> None:
        made = agent([">import time\ntime.sleep(60)"], observers=[seen.append])
        await asyncio.wait_for(made.arun("Do it."), 1.0)

    since = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(work())

    assert time.monotonic() - since < 5
    assert isinstance(seen[-1], RunFinished)
    assert seen[-1].state == "interrupted"


def test_reset_false_goes_on_with_variables_and_words() -> None:
    """The next task sees the last one's conversation and its program's variables."""
    made = agent([">x = 41\nfinal_answer(x)", ">final_answer(x + 1)", ">'x' in globals()", ">final_answer(0)"])
    made.run("First.")

    assert made.run("And now?", reset=False) == 42
    assert "First." in "".join(message.content for message in requests(made)[1].messages)
    result = made.run("Anew.", return_full_result=True)
    assert result.steps[0].value == "False"
    made.close()


def test_additional_args_are_variables_and_never_dumped() -> None:
    """Programs have them as variables; the prompt shows name, type and size only."""
    made = agent([">final_answer(sum(numbers) + len(table))"])
    answer = made.run("Do it.", additional_args={"numbers": list(range(100_000)), "table": {"a": 1, "b": 2}})
    told = requests(made)[0].messages[-1].content

    assert answer == sum(range(100_000)) + 2
    assert "numbers: list of 100000 int" in told
    assert "table: dict with 2 keys: 'a', 'b'" in told
    assert len(told) < 2000


@dataclasses.dataclass
class City:
    """A city."""

    name: str
    inhabitants: int


def test_a_result_type_is_asked_for_until_it_fits() -> None:
    """An answer of another type is sent back with the reason; what fits is given as that type."""
    made = agent(
        [">final_answer('Rome')", ">final_answer({'name': 'Rome', 'inhabitants': '2748109'})"], result_type=City
    )
    answer = made.run("Which city?")
    told = requests(made)[1].messages[-1].content

    assert answer == City("Rome", 2748109)
    assert "'name': str, 'inhabitants': int" in requests(made)[0].messages[-1].content
    assert "not accepted: 'Rome' is not a City" in told


def test_a_pydantic_model_is_a_result_type() -> None:
    """The answer is the validated model, and pydantic's own words go back to the model."""
    pydantic = pytest.importorskip("pydantic", reason="the result type is a pydantic model")
    person = pydantic.create_model("Person", name=(str, ...), age=(int, pydantic.Field(ge=0)))
    made = agent(
        [">final_answer({'name': 'Ann', 'age': -1})", ">final_answer({'name': 'Ann', 'age': 3})"], result_type=person
    )

    assert made.run("Who?").age == 3
    assert "greater than or equal to 0" in requests(made)[1].messages[-1].content


def test_checks_send_the_model_back_to_work() -> None:
    """A check that is falsy or raises refuses the answer with its reason; it may take the events and the agent."""

    def is_even(answer: int) -> bool:
        return answer % 2 == 0

    def has_steps(answer: int, memory: Any, agent: Any) -> bool:
        if answer == 2:
            raise ValueError("two is too small")
        return len(memory) > 1 and isinstance(agent, CodeAgent)

    made = agent([">final_answer(1)", ">final_answer(2)", ">final_answer(4)"], final_answer_checks=[is_even, has_steps])

    assert made.run("Do it.") == 4
    said = [request.messages[-1].content for request in requests(made)]
    assert "the check 'is_even' does not hold" in said[1]
    assert "two is too small" in said[2]


def test_callbacks_see_every_step_and_may_end_the_run() -> None:
    """A callback gets StepFinished, and the agent if it asks; what it raises ends the run with all it had."""
    seen: list[int] = []

    def note(step: StepFinished, agent: Any = None) -> None:
        seen.append(step.step)
        if step.step == 2:
            raise RuntimeError("enough")

    events: list[Event] = []
    with pytest.raises(RuntimeError, match="enough"):
        agent([">1", ">2", ">3"], step_callbacks=[note], observers=[events.append]).run("Do it.")

    assert seen == [1, 2]
    assert isinstance(events[-1], RunFinished)
    assert events[-1].state == "failed"


def test_a_builtin_is_a_check() -> None:
    """Also one that does not tell what it takes."""
    assert agent([">final_answer(0)", ">final_answer(2)"], final_answer_checks=[bool]).run("Do it.") == 2


def test_a_check_may_ask_another_agent() -> None:
    """A check that is a plain function may block, such as to have another agent judge the answer."""
    judge = agent([">final_answer(answer > 3)"])

    def stands(answer: int) -> bool:
        return bool(judge.run("Is it right?", additional_args={"answer": answer}))

    assert agent([">final_answer(4)"], final_answer_checks=[stands]).run("Do it.") == 4


def test_a_plan_is_made_at_its_interval() -> None:
    """Before the first step and after every second one the model writes a plan, which it then sees."""
    made = agent(
        ["Look, then add.", ">1", ">2", "Only answer now.", ">final_answer(3)"], planning_interval=2, max_steps=7
    )
    result = made.run("Do it.", return_full_result=True)
    plans = [event.plan for event in result.events if type(event).__name__ == "PlanMade"]

    assert plans == ["Look, then add.", "Only answer now."]
    assert "You have 7 steps left" in requests(made)[0].messages[-1].content
    assert "Look, then add." in requests(made)[1].messages[-1].content


def test_instructions_and_the_prefix_stay() -> None:
    """What was said is never changed: each request begins with all of the one before."""
    made = agent([">1", "prose", ">2", ">final_answer(1)"], instructions="Answer in French.")
    made.run("Do it.")
    asked = [request.messages for request in requests(made)]

    assert "Answer in French." in asked[0][0].content
    for before, after in itertools.pairwise(asked):
        assert list(after[: len(before)]) == list(before)


def test_replies_that_hold_no_program() -> None:
    """An empty reply, prose and half a block each get a message that says what to write."""
    cut_off = Reply(content="```python\nx = [1, 2,", finish="length")
    result = run("", "The answer is 4.", cut_off, ">final_answer(4)")

    assert [bool(step.error) for step in result.steps] == [True, True, True, False]
    assert "```python" in (result.steps[1].error or "")
    assert "cut off" in (result.steps[2].error or "")
    assert result.output == 4


def test_limits_end_a_run_cleanly() -> None:
    """A spent budget ends the run with its state and the best that is known."""
    result = run(">print('so far')\nfor i in range(9):\n    add(i)", ">1", limits=Limits(tool_calls=3))
    calls = [event for event in result.events if isinstance(event, ToolCallStarted)]

    assert result.state == "limit"
    assert "tool calls" in (result.error or "")
    assert len(calls) == 3
    assert run(">1", ">2", ">3", limits=Limits(model_calls=2)).output == "2"
    assert run(">1", ">2", limits=Limits(tokens=1)).state == "limit"
    assert issubclass(LimitReached, EndsRun)


def test_policy_denies_and_asks() -> None:
    """A denied call is an error of the program with its reason; an asked one waits for the approver."""
    asked: list[str] = []

    async def approver(call: Any, reason: str) -> bool:
        asked.append(call.name)
        return bool(call.args == (1,))

    code = ">try:\n    add(5)\nexcept ToolError as error:\n    print(error)\nfinal_answer(add(1))".replace(
        "ToolError", "Exception"
    )
    result = run(code, policy={"ad*d": "ask"}, approver=approver)
    denied = run(">add(1)", ">final_answer(0)", policy=lambda call, tool: Verdict("deny", "not today"))

    assert result.output == 2
    assert "refused by a person" in result.steps[0].output
    assert asked == ["add", "add"]
    assert "not today" in (denied.steps[0].error or "")
    assert any(isinstance(event, ToolCallDenied) for event in denied.events)


def test_overlapping_runs_share_nothing() -> None:
    """Many runs of one agent at once each have their own variables and answers."""

    def reply(messages: Any) -> str:
        number = messages[-1].content.rpartition("Number ")[2]
        return program(f"x = {number}\nawait slow_double(1, 0.1)\nfinal_answer(x)")

    async def work() -> list[Any]:
        made = CodeAgent([slow], ScriptedModel(reply))
        return await asyncio.gather(*(made.arun(f"Number {i}") for i in range(12)))

    @tool(name="slow_double")
    async def slow(number: int, seconds: float) -> int:
        """Double a number slowly."""
        await asyncio.sleep(seconds)
        return number * 2

    assert asyncio.run(work()) == list(range(12))


def test_a_model_that_fails_ends_the_run_with_all_it_had() -> None:
    """The vendor's error is raised, and its result holds the steps so far."""
    with pytest.raises(ModelError, match="no more credit") as caught:
        run(">print('kept')", ModelError("no more credit"))

    assert caught.value.result.state == "failed"
    assert caught.value.result.steps[0].output == "kept\n"


def test_an_observer_that_raises_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """What an observer raises is logged, and the run goes on."""

    def observer(event: Event) -> None:
        raise RuntimeError("broken observer")

    assert run(">final_answer(1)", observers=[observer]).output == 1
    assert "broken observer" in caplog.text


def test_agents_call_agents_as_functions() -> None:
    """A managed agent is a function of the manager's program; its budget and events are the manager's too."""
    helper = CodeAgent(
        [add], ScriptedModel([program("final_answer(add(20, 1))")]), name="counter", description="Counts."
    )
    events: list[Event] = []
    made = CodeAgent(
        [], ScriptedModel([program("final_answer(counter('Count to 21.') * 2)")]), managed_agents=[helper],
        observers=[events.append],
    )  # fmt: skip
    result = made.run("Do it.", return_full_result=True)
    started = [event for event in events if isinstance(event, RunStarted)]

    assert result.output == 42
    assert started[1].parent_id == started[0].run_id
    assert result.usage.total_tokens > started[0].seed * 0


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: agent([]).run("  "), "a task is a text"),
        (lambda: agent([]).run(cast("str", b"Go.")), "a task is a text .* not b'Go.'"),
        (lambda: agent([]).run("x", max_steps=-1), "max_steps is a whole number from 0 on, not -1"),
        (lambda: agent([], max_steps=None), "max_steps is a whole number"),
        (lambda: agent([]).run("x", images="a.png"), r"write images=\[…\]"),
        (lambda: agent([]).run("x", run_id=5), "a run's name is a text"),
        (lambda: agent([]).run("x", observers=print), r"write observers=\[…\]"),
        (lambda: agent([]).run("x", additional_args=[1]), "values by their names"),
        (lambda: agent([]).run("x", additional_args={"a b": 1}), "no program can say 'a b'"),
        (lambda: agent([]).run("x", additional_args={"class": 1}), "no program can say 'class'"),
        (lambda: agent([]).run("x", additional_args={"final_answer": 1}), "'final_answer' is a function"),
        (lambda: agent([]).run("x", additional_args={"add": 1}), "'add' is a function that programs call"),
        (lambda: CodeAgent(cast("Any", add), ScriptedModel([])), r"write tools=\[…\]"),
        (lambda: CodeAgent(cast("Any", ["web_search"]), ScriptedModel([])), "such as WebSearchTool"),
        (lambda: CodeAgent([FinalAnswerTool], ScriptedModel([])), r"make one of it, FinalAnswerTool\(…\)"),
        (lambda: CodeAgent([], cast("Any", ScriptedModel)), "a model is made first"),
        (lambda: CodeAgent([], "org/model"), "did you mean 'hf:org/model'"),
        (lambda: Agent([], ScriptedModel([])), "make a CodeAgent or a ToolCallingAgent"),
        (lambda: agent([], journal=MemoryJournal), "a journal is made first"),
        (lambda: agent([], observers=[TerminalObserver]), r"observers=\[TerminalObserver\(\)\]"),
        (lambda: agent([], step_callbacks=print), r"write step_callbacks=\[…\]"),
        (lambda: agent([], step_callbacks={StepFinished: print}), r"write step_callbacks=\[…\]"),
        (lambda: agent([], final_answer_checks=[3]), "functions of the answer, and 3 is none"),
        (lambda: agent([], instructions=["Be brief."]), "instructions is a text"),
        (lambda: agent([], result_type={"type": "object"}), "result_type is a type"),
        (lambda: agent([], additional_authorized_imports="numpy"), r"write \['numpy'\]"),
        (lambda: CodeAgent([_named(name=None)], ScriptedModel([])), "identifier, not None"),
        (lambda: CodeAgent([_named(description=None)], ScriptedModel([])), "its description is a text"),
        (lambda: CodeAgent([tool(name="final_answer")(_typed)], ScriptedModel([])), "would never be called"),
        (lambda: agent([], executor="local"), "did you mean 'sandbox'"),
        (lambda: agent([], observers=[_watch]), "is async"),
        (lambda: agent([], observers=[_Watching()]), "is async"),
        (lambda: CodeAgent([add, add], ScriptedModel([])), "two tools are called 'add'"),
        (lambda: CodeAgent([lambda x: x], ScriptedModel([])), "identifier"),
        (lambda: tool(_untyped), "argument 'x' has no type"),
        (lambda: CodeAgent([], "opnai:gpt"), "openai"),
        (lambda: CodeAgent([], ScriptedModel([]), executor="sandbax"), "did you mean 'sandbox'"),
        (lambda: agent([], managed_agents=[agent([])]), "name='…'"),
        (lambda: agent([], policy={"add": "maybe"}).run("x"), "'allow', 'ask' or 'deny'"),
        (lambda: agent([], policy={add: "ask"}), "knows tools by their names"),
        (lambda: agent([], policy={"ad": "ask"}).run("x"), "speaks of 'ad', .* write 'add'"),
        (lambda: tool(effect=cast("Any", "irreversibel"))(_typed), "the effects are read, idempotent, write, irrev"),
    ],
)
def test_wrong_set_up_is_a_clear_error(make: Any, why: str) -> None:
    """Each is refused with what is wrong and what to do."""
    with pytest.raises(UsageError, match=why):
        make()


def test_settings_may_be_changed() -> None:
    """A changed setting holds for what begins then; one that cannot be meant so is refused, and the old one stays."""
    made = CodeAgent([], ScriptedModel([program("final_answer(1)")]))
    made.tools, made.journal = [add], MemoryJournal()
    made.model = ScriptedModel([program("final_answer(add(2, 3))")])
    result = made.run("Do it.", return_full_result=True)
    again = dataclasses.replace(
        made, tools=(item for item in [add]), model=ScriptedModel([program("final_answer(add(4, 5))")])
    )

    assert result.output == 5
    assert made.resume(result.run_id) == 5
    assert dataclasses.replace(again).run("Do it.") == 9
    with pytest.raises(UsageError, match="two tools"):
        made.tools = [add, add]
    with pytest.raises(UsageError, match="did you mean 'sandbox'"):
        made.executor = "sandbax"
    with pytest.raises(UsageError, match="from 0 on"):
        made.max_steps = -1
    assert ([*made.tools], made.executor, made.max_steps) == ([add], None, 20)


async def _watch(event: Event) -> None:
    pass


class _Watching:
    async def __call__(self, event: Event, /) -> None:
        pass


def _named(**said: Any) -> Tool:
    made: Tool = type("Named", (Tool,), {"name": "named", "forward": staticmethod(_typed), **said})()
    return made


def _typed(answer: int) -> int:
    """Take the answer."""
    return answer


def _untyped(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  # what the test is about
    return x


def test_pictures_are_given_with_the_task(tmp_path: Path) -> None:
    """Paths, bytes and Pillow images reach the model with the task; what is no picture is refused."""
    pillow = pytest.importorskip("PIL.Image", reason="one of the pictures is made with Pillow")
    made = agent([">final_answer(1)"])
    picture = pillow.new("RGB", (3, 2))
    picture.save(tmp_path / "a.png")
    made.run("What is it?", images=[tmp_path / "a.png", (tmp_path / "a.png").read_bytes(), picture])
    images = requests(made)[0].messages[-1].images

    assert [image.media_type for image in images] == ["image/png"] * 3
    printed = agent([">final_answer(1)"])
    printed.run("What is it?", images=[pillow.new("CMYK", (3, 2))])
    assert requests(printed)[0].messages[-1].images[0].data.startswith(b"\x89PNG")
    with pytest.raises(UsageError, match="cannot be read"):
        agent([]).run("What is it?", images=[pillow.new("RGB", (0, 0))])
    with pytest.raises(UsageError, match="none of them"):
        agent([]).run("What is it?", images=[b"text"])
    with pytest.raises(UsageError, match="cannot be read"):
        agent([]).run("What is it?", images=[tmp_path / "b.png"])


def test_what_is_left_out_may_be_none() -> None:
    """Options of the agent may be given as None, as users of other frameworks do."""
    made = agent([">final_answer('1')"], managed_agents=None, step_callbacks=None, final_answer_checks=None, limits=None,
                 instructions=None, observers=None, policy=None, result_type=int)  # fmt: skip

    assert made.run("Do it.") == 1


def test_a_variable_that_cannot_cross_is_named() -> None:
    """What is too large for programs is refused with its name, and a number of any size is not."""
    with pytest.raises(UsageError, match="the variable 'rows' cannot be given to programs: .* larger than 12 MiB"):
        agent([]).run("Do it.", additional_args={"rows": "x" * (13 << 20)})

    assert agent([">final_answer(big % 7)"]).run("Do it.", additional_args={"big": 10**5000}) == 10**5000 % 7
