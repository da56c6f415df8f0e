"""LangChain tools, of its core and of its community, called from programs in the default sandbox."""

from __future__ import annotations

import asyncio
import datetime as dt
import sqlite3
from pathlib import Path
from typing import Annotated, Any

import pytest

from codeling import CodeAgent, Tool, ToolCallingAgent, UsageError
from codeling.result import RunResult
from codeling.testing import ScriptedModel

core = pytest.importorskip("langchain_core.tools", reason="pip install 'codeling[langchain]'")
Document = pytest.importorskip("langchain_core.documents").Document
community = pytest.importorskip("langchain_community.agent_toolkits", reason="pip install langchain-community")


def run(tools: list[Any], *programs: str) -> RunResult:
    """Run programs one after the other, then answer."""
    said = [f"```python\n{program}\n```" for program in (*programs, "final_answer('done')")]
    wrapped = [Tool.from_langchain(tool) for tool in tools]
    result = CodeAgent(wrapped, ScriptedModel(said)).run("Go.", return_full_result=True)
    assert isinstance(result, RunResult)
    return result


def test_arguments_are_bound_by_place_and_by_name() -> None:
    """Each argument reaches the parameter that it was given for, in a structured tool and in one of a single text."""
    from pydantic import BaseModel, Field

    class Span(BaseModel):
        start: dt.date
        days: int = Field(3, ge=1, description="how long")

    class Wanted(BaseModel):
        span: Span
        where: str = Field(description="a city")
        stars: int | None = None

    def book(span: Span, where: str, stars: int | None = None) -> dict[str, Any]:
        """Book a room."""
        return {"until": span.start + dt.timedelta(span.days), "where": where, "stars": stars}

    booking = core.StructuredTool.from_function(book, args_schema=Wanted)
    shout = core.Tool(name="shout-it", func=lambda text: text.upper(), description="Say it loudly.")
    result = run(
        [booking, shout],
        "import datetime\nprint(book({'start': '2026-01-30'}, 'Rome', stars='4'))\nprint(shout_it('hi'))\n"
        "print(book(where='Oslo', span={'start': datetime.date(2026, 1, 1), 'days': 1})['until'])",
        "book({'start': '2026-01-30', 'days': 0}, 'Rome')",
        "book({'start': '2026-01-30'})",
    )
    stub = Tool.from_langchain(booking).stub

    assert "def book(span: dict, where: str, stars: int | None = None)" in stub
    assert "where: a city" in stub
    assert result.steps[0].output == (
        "{'until': datetime.date(2026, 2, 2), 'where': 'Rome', 'stars': 4}\nHI\n2026-01-02\n"
    )
    assert "greater than or equal to 1" in (result.steps[1].error or "")
    assert "missing a required argument: 'where'" in (result.steps[2].error or "")


def test_async_tools_run_on_the_loop_and_at_once() -> None:
    """A tool that is only async works, several calls of it at a time; injected arguments are not the model's."""
    waiting = 0

    @core.tool  # type: ignore[untyped-decorator]
    async def both(number: int, secret: Annotated[str, core.InjectedToolArg] = "s") -> tuple[int, str]:
        """Wait for another call."""
        nonlocal waiting
        waiting += 1
        while waiting < 2:
            await asyncio.sleep(0.01)
        return number, secret

    result = run([both], "import asyncio\nprint(await asyncio.gather(both(1), both(2)))")

    assert "secret" not in Tool.from_langchain(both).stub
    assert result.steps[0].output == "[(1, 's'), (2, 's')]\n"


def test_artifacts_are_the_values_of_programs() -> None:
    """Of content and artifact the program gets the artifact, and documents are dicts."""

    @core.tool(response_format="content_and_artifact")  # type: ignore[untyped-decorator]
    def find(word: str) -> tuple[str, list[Any]]:
        """Find documents."""
        return "1 found", [Document(page_content=f"About {word}", metadata={"page": 3})]

    @core.tool(response_format="content_and_artifact")  # type: ignore[untyped-decorator]
    def nothing() -> tuple[str, None]:
        """Give text only."""
        return "only text", None

    result = run([find, nothing], "d = find('trees')[0]\nprint(d['page_content'], d['metadata']['page'], nothing())")

    assert result.steps[0].output == "About trees 3 only text\n"


def test_errors_are_exceptions_of_the_program() -> None:
    """Also those that the tool would hand to a chat model as text."""

    @core.tool  # type: ignore[untyped-decorator]
    def fail(key: str) -> str:
        """Fail."""
        raise core.ToolException(f"no {key}")

    fail.handle_tool_error = True
    result = run([fail], "fail('key')")

    assert "ToolException: no key" in (result.steps[0].error or "")
    assert fail.handle_tool_error is True


def test_live_objects_are_values_or_handles() -> None:
    """A tool without a JSON schema takes what it is given, such as an object that another tool gave."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)

    def count(db: sqlite3.Connection) -> int:
        """Count tables."""
        return int(db.execute("select count(*) from sqlite_master").fetchone()[0])

    counting = core.StructuredTool.from_function(count)

    def opened() -> sqlite3.Connection:
        """Give the database."""
        return connection

    wrapped = [Tool.from_langchain(counting), opened]
    model = ScriptedModel(["```python\nfinal_answer(count(opened()))\n```"])
    assert CodeAgent(wrapped, model).run("Go.") == 0
    connection.close()


def test_community_tools_work_on_files_and_databases(tmp_path: Path) -> None:
    """The file and SQL toolkits, whole."""
    from langchain_community.utilities import SQLDatabase
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel

    files = community.FileManagementToolkit(root_dir=str(tmp_path)).get_tools()
    sqlite3.connect(tmp_path / "x.db").execute("create table t (a int)").connection.close()
    database = SQLDatabase.from_uri(f"sqlite:///{tmp_path / 'x.db'}")
    sql = community.SQLDatabaseToolkit(db=database, llm=GenericFakeChatModel(messages=iter([]))).get_tools()
    result = run(
        [*files, *sql],
        "write_file('a.txt', 'hello', append=False)\nprint(read_file(file_path='a.txt'), list_directory())",
        "sql_db_query(query='insert into t values (41)')\n"
        "print(sql_db_query('select a + 1 from t'), sql_db_list_tables())",
        "print(read_file('../../../etc/passwd'))",
    )
    database._engine.dispose()

    assert [step.error for step in result.steps] == [None] * 4
    assert result.steps[0].output.startswith("hello ")
    assert result.steps[1].output == "[(42,)] t\n"
    assert "Access denied" in result.steps[2].output


def test_json_agents_call_them_too() -> None:
    """The schema that a provider gets is the tool's own."""

    @core.tool  # type: ignore[untyped-decorator]
    def add(a: int, b: int = 2) -> int:
        """Add two numbers."""
        return a + b

    model = ScriptedModel(['{"name": "add", "arguments": {"a": "40"}}', "42"])
    agent = ToolCallingAgent([Tool.from_langchain(add)], model)

    assert agent.run("Add.") == "42"
    assert model.requests[1].messages[-1].content == "42"


def test_what_is_no_langchain_tool_is_refused() -> None:
    """The error says what is wanted."""
    with pytest.raises(UsageError, match="is no LangChain tool"):
        Tool.from_langchain(len)
