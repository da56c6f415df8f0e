"""Calls that a model wrote as text are read by the rules of `calls.py`: the cases of `calls.toml`, and all replies."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codeling import Reply, ToolCall, ToolCallingAgent, tool
from codeling.forms.calls import read_calls
from codeling.testing import ScriptedModel

CASES = tomllib.loads((Path(__file__).parent / "calls.toml").read_text(encoding="utf-8"))["case"]
NAMES = ("search", "weather", "final_answer")


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    """Every reply of the table is read as the table says."""
    read = [[call.name, call.args or call.kwargs] for call in read_calls(case["text"], NAMES)]
    for call in read:
        if isinstance(call[1], dict):
            call[1] = {name: value for name, value in call[1].items() if value is not None}  # TOML has no null

    assert read == case["calls"]


TEXT = st.text("ab{}[]()\"'\\\n,: é", max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
SHAPES = (
    "{}",
    "```json\n{}\n```",
    "<tool_call>\n{}\n</tool_call>",
    "I call it now.\n{}\nThen I read what it gives.",
    "<think>No.</think>{}",
    "[TOOL_CALLS] [{}]",
)


@settings(database=None, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(
    arguments=st.dictionaries(st.text("abc", min_size=1, max_size=3), JSON, max_size=3), shape=st.sampled_from(SHAPES)
)
def test_any_arguments(arguments: dict[str, Any], shape: str) -> None:
    """Whatever the arguments, they come out as they went in."""
    text = shape.replace("{}", json.dumps({"name": "search", "arguments": arguments}))
    read = read_calls(text, NAMES)

    assert [(call.name, call.kwargs) for call in read] == [("search", arguments)]


PIECES = st.sampled_from(
    ["{", "}", "[", "]", '"', "'", '{"name": "', '"arguments": ', "search", "(", ")", ",", ":", "\\", "<tool_call>", "[ARGS]",
     "<function=", ">", "<parameter=a>", "</parameter>", "Action: ", "\nAction Input: ", "```", "\n", "<think>", "\x00", "\ud800"]
)  # fmt: skip


@settings(database=None, deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.one_of(st.lists(PIECES, max_size=30).map("".join), TEXT))
def test_never_raises(text: str) -> None:
    """Whatever the text, reading gives calls or none."""
    for call in read_calls(text, NAMES):
        assert call.name


@pytest.mark.parametrize(
    "piece",
    [
        "{",
        "[",
        '{"a":',
        "search(",
        "[ARGS]{",
        "<function=a>",
        "Action: a\n",
        '"',
        "<arg_key>",
        "\n",
        "a",
        "'{",
        "Output:\n",
    ],
)
def test_is_bounded(piece: str) -> None:
    """A megabyte of anything is read to its end: no input keeps the reader busy for ever (the suite's timeout says so)."""
    assert isinstance(read_calls(piece * (1_000_000 // len(piece)), NAMES), list)


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


def test_a_reply_that_was_cut_off_is_asked_for_again() -> None:
    """Neither a half call, nor a whole one before it, nor half an answer is taken; the model is told why."""
    call = ToolCall(id="a", name="weather", kwargs={"city": "Os"})
    cut = [
        Reply(calls=(call,), finish="length"),
        Reply(content='{"name": "weather", "arguments": {"city": "Os', finish="length"),
        Reply(content="The answer is that the", finish="length"),
    ]
    model = ScriptedModel([*cut, '{"name": "final_answer", "arguments": {"answer": "whole"}}'])
    result = ToolCallingAgent([weather], model).run("How is it?", return_full_result=True)

    assert result.output == "whole"
    assert not any(type(event).__name__ == "ToolCallStarted" for event in result.events)
    for request in model.requests[1:]:
        assert "cut off" in request.messages[-1].content
    assert [message.content for message in model.requests[1].messages if message.role == "tool"] == [
        "Error: this call was not made."
    ]
