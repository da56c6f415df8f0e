"""Hundreds of tools: a short prompt, and a program that finds and reads what it needs."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from codeling import CodeAgent, FunctionTool, Tool, ToolCallingAgent
from codeling.forms.catalogue import MOST_STUBS
from codeling.result import RunResult
from codeling.testing import ScriptedModel

TOPICS = ("invoice", "customer", "parcel", "meeting", "flight")
VERBS = ("create", "cancel", "find", "list", "update")


def tools(count: int) -> list[Tool]:
    """Give so many tools with names and descriptions as services have them."""

    def work(key: str, unit: Literal["a", "b"] = "a", limit: int = 10) -> list[str]:
        return [key, unit, str(limit)]

    return [
        FunctionTool(
            work,
            name=f"{VERBS[n % 5]}_{TOPICS[n // 5 % 5]}_{n}",
            description=f"{VERBS[n % 5].title()} one {TOPICS[n // 5 % 5]} of branch {n}. More of it.\n\n"
            "Args:\n    key: What it is about.\n    limit: At most so many.",
        )
        for n in range(count)
    ]


def run(count: int, *programs: str) -> tuple[RunResult, str]:
    """Run programs with so many tools; give the result and what the model was told first."""
    model = ScriptedModel([f"```python\n{program}\n```" for program in (*programs, "final_answer(0)")])
    result = CodeAgent(tools(count), model).run("Go.", return_full_result=True)
    assert isinstance(result, RunResult)
    return result, model.requests[0].messages[-1].content


def test_few_tools_are_shown_whole() -> None:
    """Below the budget nothing changes: every stub, and no word about a search."""
    _, told = run(10)

    assert told.count("def ") == 10
    assert "search_tools" not in told


@pytest.mark.parametrize("count", [50, 100, 500, 3000])
def test_many_tools_cost_about_as_much_as_few(count: int) -> None:
    """Whatever the number, the prompt stays near the budget, names what it can and says how to find the rest."""
    _, told = run(count)

    assert len(told) < 2 * MOST_STUBS
    assert "search_tools(" in told
    assert "help(name)" in told
    shown = told.count("def ")
    assert f"{count - shown} more functions" in told
    assert shown > 3


def test_programs_find_and_read_and_call() -> None:
    """A search prints signatures of what fits best, help prints one; what was found is called as ever."""
    result, _ = run(
        300, "search_tools('cancel a parcel', limit=2)", "help(update_flight_24)\nhelp('find_customer_7')",
        "print(cancel_parcel_11('k', unit='b'))", "search_tools('zebra')", "help(len)",
    )  # fmt: skip

    assert result.steps[0].value == "['cancel_parcel_11', 'cancel_parcel_111']"
    signature = "(key: str, unit: Literal['a', 'b'] = 'a', limit: int = 10) -> list[str]"
    assert f"cancel_parcel_11{signature}\n    Cancel one parcel of branch 11. More of it." in result.steps[0].output
    assert f"update_flight_24{signature}" in result.steps[1].output
    assert "key: What it is about." in result.steps[1].output
    assert "find_customer_7" in result.steps[1].output
    assert result.steps[2].output == "['k', 'b', '10']\n"
    assert "No function fits 'zebra'" in result.steps[3].output
    assert "Return the number of items in a container." in result.steps[4].output


def test_a_tool_of_that_name_goes_before_the_search() -> None:
    """An agent's own `search_tools` and `help` are what its programs call."""

    def search_tools(query: str) -> str:
        """Look for hammers."""
        return f"hammer for {query}"

    model = ScriptedModel(["```python\nfinal_answer(search_tools('nails'))\n```"])

    assert CodeAgent([search_tools], model).run("Go.") == "hammer for nails"


def test_json_agents_get_short_schemas_of_many_tools() -> None:
    """Every tool can still be called, by a schema with types and one sentence; a wrong call is told the signature."""
    model = ScriptedModel(
        [
            '{"name": "find_parcel_12", "arguments": {"kee": 1}}',
            '{"name": "find_parcel_12", "arguments": {"key": "x"}}',
            "ok",
        ]
    )
    agent = ToolCallingAgent(tools(200), model)
    assert agent.run("Go.") == "ok"
    schemas: dict[str, Any] = {tool.name: tool for tool in model.requests[0].tools}

    assert len(schemas) == 201
    assert schemas["find_parcel_12"].description == "Find one parcel of branch 12."
    assert schemas["find_parcel_12"].parameters["properties"]["key"] == {"type": "string"}
    assert "key: str, unit: Literal" in model.requests[1].messages[-1].content
    assert model.requests[2].messages[-1].content == '["x", "a", "10"]'


def test_a_description_is_no_code_of_the_sandbox() -> None:
    """Whatever stands in a description, nothing of it runs where programs run, and the signature is there."""
    hostile = 'Nice."""\nimport os\nos._exit(3)\nx = """ \\'

    def nice(a: int) -> int:
        return a

    tool = FunctionTool(nice, description=hostile)
    model = ScriptedModel(["```python\nimport inspect\nfinal_answer([nice(1), str(inspect.signature(nice))])\n```"])

    assert CodeAgent([tool], model).run("Go.") == [1, "(a: 'int') -> 'int'"]


def test_json_agents_that_write_their_calls_get_a_line_for_each_tool() -> None:
    """A model without native calls is shown every signature with a sentence, and few tools whole as ever."""
    written = ['{"name": "find_parcel_12", "arguments": {"key": "x"}}', "ok"]
    many, few = ScriptedModel(written, calls_natively=False), ScriptedModel(written, calls_natively=False)
    for model, count in ((many, 200), (few, 13)):
        assert ToolCallingAgent(tools(count), model).run("Go.") == "ok"
        assert '["x", "a", "10"]' in model.requests[1].messages[-1].content
    told = many.requests[0].messages[-1].content

    assert told.count("def ") == 200
    assert "-> list[str]:  # Find one parcel of branch 12.\n" in told
    assert len(told) < 200 * 160
    assert "key: What it is about." in few.requests[0].messages[-1].content
