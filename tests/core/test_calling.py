"""JSON agents: native calls and calls written as text, several at once, on the same loop."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from codeling import Message, PythonInterpreterTool, Reply, ToolCall, ToolCallingAgent, tool
from codeling.events import ToolCallFinished
from codeling.testing import ScriptedModel
from codeling.tools import FunctionTool

from .helpers import TOOLS


def calls(*made: tuple[str, dict[str, Any]], ids: bool = True) -> Reply:
    """A reply with native tool calls."""
    named = [ToolCall(id=f"c{n}" if ids else "", name=name, kwargs=given) for n, (name, given) in enumerate(made)]
    return Reply(calls=tuple(named), finish="calls")


def agent(*replies: Any, **options: Any) -> ToolCallingAgent:
    """An agent that answers from a script."""
    return ToolCallingAgent(TOOLS, ScriptedModel(replies), **options)


def told(made: ToolCallingAgent, request: int) -> list[Message]:
    """What the model was told with its n-th request."""
    assert isinstance(made.model, ScriptedModel)
    return list(made.model.requests[request].messages)


def test_calls_and_results_are_native_messages() -> None:
    """Each call has its own tool message with its own id, and values are fitted to the signature."""
    made = agent(calls(("add", {"a": "2", "b": 3})), calls(("final_answer", {"answer": 5})))

    assert made.run("Add.") == 5
    messages = told(made, 1)
    assert messages[-2].calls[0].name == "add"
    assert (messages[-1].role, messages[-1].call_id, messages[-1].content) == ("tool", "c0", "5")
    assert {schema.name for schema in made.model.requests[0].tools} >= {"add", "final_answer"}  # type: ignore[union-attr]


def test_several_calls_run_at_once_and_one_that_fails_loses_nothing() -> None:
    """Parallel calls take as long as one, in the order of the reply, and an error is a result like any."""
    reply = calls(("slow_double", {"number": 1}), ("broken", {"key": "k"}), ("sleepy", {"number": 3}), ("nope", {}))
    made = agent(reply, calls(("final_answer", {"answer": "done"})))
    since = time.monotonic()

    assert made.run("Go.") == "done"
    assert time.monotonic() - since < 2
    results = [message.content for message in told(made, 1)[-4:]]
    assert results[0] == "2"
    assert "KeyError: 'k'" in results[1]
    assert results[2] == "3"
    assert "there is no tool 'nope'" in results[3]


def test_an_unknown_tool_of_many_is_told_the_nearest() -> None:
    """Five hundred names are not listed: those most like it are, and how many there are."""

    def numbered(number: int) -> FunctionTool:
        def give() -> int:
            """Give it."""
            return number

        return FunctionTool(give, name=f"tool_{number}")

    made = ToolCallingAgent(
        [numbered(number) for number in range(500)],
        ScriptedModel([calls(("tool_4990", {})), calls(("final_answer", {"answer": 1}))]),
    )

    assert made.run("Go.") == 1
    said = told(made, 1)[-1].content
    assert "the nearest of 501: tool_499" in said
    assert len(said) < 300


def test_missing_and_repeated_ids_lose_no_call() -> None:
    """Calls without ids get ids of their own."""
    reply = calls(("add", {"a": 1}), ("add", {"a": 2}), ids=False)
    made = agent(reply, calls(("final_answer", {"answer": 0}), ids=False))
    result = made.run("Go.", return_full_result=True)
    ended = [event for event in result.events if isinstance(event, ToolCallFinished)]

    assert [event.value for event in ended] == [2, 3]
    assert len({event.call_id for event in ended}) == 2


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "add", "arguments": {"a": 40, "b": 2}}',
        '```json\n{"name": "add", "arguments": {"a": 40, "b": 2}}\n```',
        "{'name': 'add', 'arguments': {'a': 40, 'b': 2}}",
        '<tool_call>\n{"name": "add", "arguments": "{\\"a\\": 40, \\"b\\": 2}"}\n</tool_call>',
        'Action:\n{"tool": "add", "parameters": {"a": 40, "b": 2,}',
        '[{"function": {"name": "add", "arguments": {"a": 40, "b": 2}}}]',
        '<function=add>{"a": 40, "b": 2}</function>',
        '{"add": {"a": 40, "b": 2}}',
        '<think>maybe {"name": "broken", "arguments": {}}</think>\nadd(40, b=2)',
        '[TOOL_CALLS] [{"name": "add", "arguments": {"a": 40, "b": 2}}]',
    ],
)  # fmt: skip
def test_calls_as_text_are_calls(text: str) -> None:
    """Whatever shape a model writes a call in, it is made."""
    result = agent(text, calls(("final_answer", {"answer": "ok"}))).run("Go.", return_full_result=True)

    assert [event.value for event in result.events if isinstance(event, ToolCallFinished)] == [42]


def test_plain_words_are_the_answer() -> None:
    """A reply that calls nothing is what the model has to say; an empty one is asked again."""
    assert agent("", "It is {not} a call.").run("Go.") == "It is {not} a call."


def test_a_final_answer_beside_other_calls_waits() -> None:
    """It is not taken before the model has read the other results."""
    made = agent(
        calls(("add", {"a": 1}), ("final_answer", {"answer": "guess"})), calls(("final_answer", {"answer": 2}))
    )

    assert made.run("Go.") == 2
    assert "call it alone" in told(made, 1)[-1].content


def test_a_result_type_is_in_the_schema_and_checked() -> None:
    """The type of the answer is in final_answer's schema, and text that does not fit is sent back."""
    made = agent("about four", calls(("final_answer", {"answer": "4"})), result_type=int)

    assert made.run("How many?") == 4
    assert "'about four' is not an int" in told(made, 1)[-1].content


def test_a_model_that_makes_no_calls_by_itself_is_shown_how_to_write_them() -> None:
    """It sees examples and stubs instead of schemas; what it writes is read, and results come as plain text."""
    replies = [
        'I add them.\n```json\n{"name": "add", "arguments": {"a": 2, "b": 3}}\n```',
        '{"name": "broken", "arguments": {"key": "k"}}\n{"name": "add", "arguments": {"a": 5}}',
        "final_answer(6)",
    ]
    model = ScriptedModel(replies, calls_natively=False)
    made = ToolCallingAgent(TOOLS, model)

    assert made.run("Add.") == 6
    first, second, third = (request.messages for request in model.requests)
    assert model.requests[0].tools == ()
    assert "def add(a: int, b: int = 1) -> int:" in first[-1].content
    assert any('{"name": "final_answer"' in message.content for message in first if message.role == "assistant")
    assert [(m.role, m.content, m.calls) for m in second[-2:]] == [
        ("assistant", '{"name": "add", "arguments": {"a": 2, "b": 3}}', ()),
        ("user", "add: 5", ()),
    ]
    assert third[-1].content == "broken: Error: KeyError: 'k'\nadd: 6"


def test_positional_arguments_in_text_get_their_names() -> None:
    """A call written as Python or with a list of arguments goes back to the provider with named ones."""
    made = agent("add(4, 5)", calls(("final_answer", {"answer": 9})))

    assert made.run("Add.") == 9
    assert told(made, 1)[-2].calls[0].kwargs == {"a": 4, "b": 5}


def test_positional_arguments_without_names_are_kept() -> None:
    """Too many are refused by the tool and not dropped, and a tool that takes any number gets them all."""

    @tool
    def total(*numbers: int) -> int:
        """Add numbers."""
        return sum(numbers)

    model = ScriptedModel(["total(1, 2, 3)", "add(1, 2, 3)", "total({4, 5})", "final_answer(6)"], calls_natively=False)
    made = ToolCallingAgent([*TOOLS, total], model)

    assert made.run("Add.") == 6
    results = [request.messages[-1].content for request in model.requests[1:]]
    assert results[0] == "total: 6"
    assert "too many positional arguments" in results[1]
    assert results[2].startswith("total: Error")


def test_what_a_json_agent_is_given_is_told_with_its_content() -> None:
    """There are no programs that could read a variable, so the model is shown what it holds, as far as there is room."""
    model = ScriptedModel([Reply(calls=(ToolCall(id="1", name="final_answer", kwargs={"answer": 1}),))])
    ToolCallingAgent([], model).run("Count.", additional_args={"rows": [{"a": 1}], "long": "x" * 30_000})
    told = model.requests[0].messages[-1].content

    assert '- rows: [{"a": 1}]' in told
    assert told.endswith("Task: Count.")
    assert "20000 characters are left out" in told


def test_calls_that_fail_again_in_the_same_way_are_no_answer() -> None:
    """Of a failing call made once more the model is told to change it, and why it failed; of one that worked, to answer."""
    failing, working = calls(("broken", {"key": "k"})), calls(("add", {"a": 2, "b": 3}))
    made = agent(failing, failing, working, working, calls(("final_answer", {"answer": 5})))

    assert made.run("Go.") == 5
    again, right = told(made, 2)[-1].content, told(made, 4)[-1].content
    assert "with other arguments" in again
    assert again.endswith("KeyError: 'k'")
    assert "final_answer" not in again
    assert right.endswith("If that is the answer, call final_answer with it.")


def test_a_program_that_calls_tools_which_it_has_not_is_told_so() -> None:
    """Models take a tool that runs Python for a place where the other tools are."""
    program = {"code": "print(add(2, 3))"}
    replies = [calls(("python_interpreter", program)), calls(("final_answer", {"answer": 5}))]
    made = ToolCallingAgent([*TOOLS, PythonInterpreterTool(tools=False)], ScriptedModel(replies))

    assert made.run("Add.") == 5
    note = "Note: python_interpreter has no tools. Call add by itself and write its result into the program."
    assert told(made, 1)[-1].content.endswith(f"NameError: name 'add' is not defined\n{note}")


@pytest.mark.parametrize(
    "value", [16**6000, range(16**6000), Decimal("sNaN"), [16**6000]], ids=["int", "range", "nan", "list"]
)
def test_what_cannot_be_written_out_ends_no_run(value: Any) -> None:
    """A managed agent's program, or any tool, may give a number with more digits than Python writes."""

    @tool
    def give() -> Any:
        """Give it."""
        return value

    made = ToolCallingAgent(
        [give], ScriptedModel([calls(("give", {})), calls(("give", {})), calls(("final_answer", {"answer": 5}))])
    )

    assert made.run("Go.") == 5


def test_a_call_that_cannot_be_read_is_no_answer() -> None:
    """A model that writes its calls as text may forget to escape a quote or to close it; what only looks alike is one."""
    broken = '{"name": "add", "arguments": {"a": "2"3, "b": 4}}'
    made = agent(broken, '{"name": "Ann", "age": 3}')

    assert made.run("Go.") == '{"name": "Ann", "age": 3}'
    assert "begins as a call of add, but its JSON cannot be read" in told(made, 1)[-1].content
