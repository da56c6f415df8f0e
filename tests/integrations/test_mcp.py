"""MCP servers of others, over every transport and both eras of the protocol, from programs in the default sandbox."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codeling import (
    Approval,
    CodeAgent,
    Limits,
    MCPClient,
    Tool,
    ToolCall,
    ToolCallingAgent,
    ToolCollection,
    UsageError,
)
from codeling.events import ApprovalRequested, ApprovalResolved, Event, ToolProgressed
from codeling.journals.events import ServerAnswered
from codeling.messages import Reply, Usage
from codeling.result import RunResult
from codeling.testing import ScriptedModel
from scripts import services

from .servers import MODERN, free_port, listening, plain, require_services


def as_dict(command: list[str], **more: Any) -> dict[str, Any]:
    """A command as the dict that clients take."""
    return {"command": command[0], "args": command[1:], **more}


def run(tools: Any, *programs: str, replies: tuple[str, ...] = (), **options: Any) -> RunResult:
    """Run programs one after the other, then answer; `replies` are the model's to others than the agent."""
    said = [f"```python\n{program}\n```" for program in (*programs, "final_answer('done')")]
    result = CodeAgent(tools, ScriptedModel([*said[:1], *replies, *said[1:]]), **options).run(
        "Go.", return_full_result=True
    )
    assert isinstance(result, RunResult)
    assert result.output == "done", result
    return result


def outputs(result: RunResult) -> list[str]:
    """What each step printed; a step that failed fails the test."""
    assert [step.error for step in result.steps if step.error] == []
    return [step.output for step in result.steps[:-1]]


@pytest.fixture(scope="module", params=["stdio", "streamableHttp", "sse"])
def everything(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The reference server that uses all of the protocol, over each transport."""
    require_services()
    if request.param == "stdio":
        yield as_dict(services.everything())
        return
    port = free_port()
    with listening(services.everything(request.param), port, PORT=str(port)):
        if request.param == "sse":
            yield {"url": f"http://127.0.0.1:{port}/sse", "transport": "sse"}
        else:
            yield {"url": f"http://127.0.0.1:{port}/mcp", "transport": "streamable-http"}


@pytest.fixture(scope="module")
def modern() -> Iterator[str]:
    """The address of a server that speaks 2026-07-28."""
    port = free_port()
    with listening([*MODERN, "http", str(port)], port):
        yield f"http://127.0.0.1:{port}/mcp"


def test_all_that_servers_give_are_values(everything: Any) -> None:
    """Text, structured content, pictures, links, resources and prompts reach the program as what they are."""
    seen: list[Event] = []
    with MCPClient(everything, resources=True, prompts=True) as client:
        result = run(
            client,
            "print(get_sum('2', 3))",
            "r = get_structured_content('Chicago')\nprint(type(r['temperature']).__name__, sorted(r))",
            "p = get_tiny_image()\nprint([type(x).__name__ for x in p], p[1].media_type, p[1].data[:4])",
            "print([type(x).__name__ for x in get_annotated_message('success', includeImage=True)])",
            "print(get_resource_links(2)[1]['uri'])",
            "print(get_resource_reference('Blob', 2)[1]['content'][:9])",
            "print(trigger_long_running_operation(0.2, 2))",
            "names = list_resources()\nprint(len(names) > 3, 'name' in names[0])\nprint(read_resource(names[0]['uri'])[:20])",
            "print([p['name'] for p in list_prompts()][:2])\nprint(get_prompt('args-prompt', {'city': 'Rome'})[0])",
            observers=[seen.append],
        )
    printed = outputs(result)

    assert printed[0] == "The sum of 2 and 3 is 5.\n"
    assert printed[1].endswith("['conditions', 'humidity', 'temperature']\n")
    assert printed[2] == "['str', 'Image', 'str'] image/png b'\\x89PNG'\n"
    assert printed[3].startswith("['str', ")
    assert "demo://resource/dynamic/" in printed[4]
    assert printed[5].startswith("b'")
    assert "Long running operation completed" in printed[6]
    assert printed[7].startswith("True True\n")
    assert "args-prompt" in printed[8]
    assert "Rome" in printed[8]
    progress = [event for event in seen if isinstance(event, ToolProgressed)]
    assert [(event.name, event.progress, event.total) for event in progress] == [
        ("trigger_long_running_operation", 1, 2), ("trigger_long_running_operation", 2, 2),
    ]  # fmt: skip


def test_servers_ask_the_person_and_the_model_of_the_run(everything: Any) -> None:
    """A handshake server's elicitation goes to the run's approver and its sampling to the run's model, if allowed."""
    asked: list[tuple[ToolCall, str]] = []

    async def approve(call: ToolCall, reason: str) -> Approval | bool:
        asked.append((call, reason))
        return Approval(approved=True, arguments={**call.kwargs, "name": "Ada"}) if call.name == "elicitation" else True

    with MCPClient(everything) as client:
        answered = run(client, "print(trigger_elicitation_request())", approver=approve)
        sampled = run(
            client, "print(trigger_sampling_request('Say hi', 10))", replies=("It says hi.",), approver=approve
        )

    assert "Name: Ada" in outputs(answered)[0]
    assert "It says hi." in outputs(sampled)[0]
    assert ["elicitation", "sampling"] == [call.name for call, _ in asked]
    assert "asks: " in asked[0][1]
    assert "Say hi" in asked[1][1]


def test_any_approver_answers_a_server(everything: Any) -> None:
    """One that is not async, or that looks at what is asked for, answers servers as it answers programs.

    Whoever watches sees that a person is asked, so that the chat page shows the question.
    """
    seen: list[Event] = []

    def approve(call: ToolCall, reason: str, asked: ApprovalRequested) -> Approval:
        return Approval(approved=asked.call is call, arguments={**call.kwargs, "name": "Ada"})

    with MCPClient(everything) as client:
        answered = run(client, "print(trigger_elicitation_request())", approver=approve, observers=[seen.append])

    assert "Name: Ada" in outputs(answered)[0]
    assert [event.approved for event in seen if isinstance(event, ApprovalResolved)] == [True]
    assert [event.call.name for event in seen if isinstance(event, ApprovalRequested)] == ["elicitation"]
    assert not any(isinstance(event, ApprovalRequested) for event in answered.events)


def test_servers_that_ask_nobody_are_told_no(everything: Any) -> None:
    """Without an approver an input is cancelled and the model is not asked."""
    with MCPClient(everything) as client:
        result = run(client, "print(trigger_elicitation_request())", "print(trigger_sampling_request('hi'))")

    assert "cancel" in result.steps[0].output
    assert "sampling='allow'" in (result.steps[1].error or result.steps[1].output)


def test_input_inside_a_result_is_answered_too(modern: str) -> None:
    """On 2026-07-28 the same approver and model answer, both in one round, from the call that needs it."""

    async def approve(call: ToolCall, reason: str) -> Approval:
        return Approval(approved=True, arguments={"name": "Bo"})

    with MCPClient(modern, approver=approve, sampling="allow") as client:
        result = run(client, "print(ask())", replies=("A joke.",))
        limited = CodeAgent(client, ScriptedModel(["```python\nask()\n```", "no"]), limits=Limits(model_calls=1))
        assert limited.run("Go.", return_full_result=True).state == "limit"

    assert outputs(result) == ["s1 accept {'name': 'Bo'} A joke.\n"]


def test_what_servers_asked_is_on_the_record(modern: str, tmp_path: Path) -> None:
    """What a person and the model answered is in the journal, with its tokens, which the run still counts when it is resumed."""

    async def approve(call: ToolCall, reason: str) -> Approval:
        return Approval(approved=True, arguments={"name": "Bo"})

    joke = Reply(content="A joke.", usage=Usage(input_tokens=700, output_tokens=7))
    replies: list[Any] = ["```python\nprint(ask())\n```", joke, "```python\nfinal_answer('done')\n```"]
    store = str(tmp_path / "runs.db")
    with MCPClient(modern, approver=approve, sampling="allow") as client:
        two = Limits(model_calls=2)
        first = CodeAgent(client, ScriptedModel(replies), journal=store, limits=two).run("Go.", return_full_result=True)
        again = CodeAgent(client, ScriptedModel(replies[2:]), journal=store)
        later = again.resume(first.run_id, return_full_result=True)
    asked = {event.kind: event for event in first.events if isinstance(event, ServerAnswered)}

    assert asked["elicitation"].answer == {"action": "accept", "content": {"name": "Bo"}}
    assert asked["elicitation"].question == "your name?"
    assert (asked["sampling"].question, asked["sampling"].answer) == ("a joke", "A joke.")
    assert (first.state, later.output) == ("limit", "done")
    assert later.usage.input_tokens > first.usage.input_tokens >= 700


def test_structured_values_cross_as_python(modern: str) -> None:
    """Nested objects in and out, a wrapped list or number as itself, defaults, and progress."""
    seen: list[Event] = []
    with MCPClient(modern) as client:
        assert client["move"].stub.startswith(
            "def move(start: dict, by: list[float], unit: Literal['m', 'km'] = 'm') -> dict:"
        )
        assert "-> int:" in client["total"].stub
        result = run(
            client, "print(move({'x': '1'}, (2, 3), unit='KM'), total([1, 2]) + 1)", "print(steps(3))",
            "total(['a'])", observers=[seen.append],
        )  # fmt: skip
        assert result.steps[0].output == "{'x': 3.0, 'y': 3.0, 'label': 'km'} 4\n"
        assert "argument 'numbers': item 1: 'a' is not an int" in (result.steps[2].error or "")
        assert [e.message for e in seen if isinstance(e, ToolProgressed)] == ["part 1", "part 2", "part 3"]


def test_pictures_and_sound_are_values(modern: str) -> None:
    """A picture is a Pillow image that can be shown and worked on; sound is its file."""
    with MCPClient(modern) as client:
        result = run(client, "p, s = media()\nprint(p.size, p.getpixel((0, 0)), s.media_type, s.data)\ndisplay(p)")

    assert outputs(result) == ["(3, 2) (255, 0, 0) audio/wav b'RIFF'\n"]
    assert len(result.steps[0].images) == 1


def test_json_agents_get_the_servers_own_schema(modern: str) -> None:
    """A provider sees what the server says of its arguments."""
    with MCPClient(modern) as client:
        model = ScriptedModel(['{"name": "total", "arguments": {"numbers": [1, 2]}}', "3"])
        assert ToolCallingAgent(client, model).run("Go.") == "3"
    (schema,) = [tool for tool in model.requests[0].tools if tool.name == "move"]

    assert "how far, in x and y" in str(schema.parameters)


def test_a_python_server_of_others_in_a_program() -> None:
    """mcp-server-time and mcp-server-git, on version 2 of the SDK."""
    time = f"{sys.executable} -m mcp_server_time --local-timezone UTC"
    with ToolCollection.from_mcp(time, trust_remote_code=True) as tools:
        result = run(
            tools,
            "print(convert_time('UTC', '10:00', 'Asia/Tokyo')['time_difference'])",
            "convert_time('Q', '1', 'UTC')",
        )

    assert result.steps[0].output == "+9.0h\n"
    assert "Invalid timezone" in (result.steps[1].error or "")


def test_git_in_a_program(tmp_path: Path) -> None:
    """A tool of a git server by its name, and its log as text."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "The first one"], check=True)
    log = Tool.from_mcp(as_dict([sys.executable, "-m", "mcp_server_git"]), "git_log")

    assert log.effect == "read"
    assert "The first one" in outputs(run([log], f"print(git_log({str(tmp_path)!r}))"))[0]


def test_servers_of_version_1_and_of_node_work_together(tmp_path: Path) -> None:
    """Several servers from one configuration; errors of each are the program's to handle."""
    require_services()
    (tmp_path / "files").mkdir()
    config = {
        "mcpServers": {
            "db": as_dict(services.sqlite(tmp_path / "x.db")),
            "files": as_dict(services.filesystem(tmp_path / "files")),
            "graph": as_dict(services.memory(), env={"MEMORY_FILE_PATH": str(tmp_path / "graph.json")}),
        }
    }
    with MCPClient(config, prefix=True) as client:
        result = run(
            client,
            "print(db_create_table('create table t (a int)'), db_write_query('insert into t values (41)'))",
            f"p = {str(tmp_path / 'files' / 'a.txt')!r}\nfiles_write_file(p, 'héllo')\nprint(files_read_text_file(p)['content'])",
            "files_read_text_file('/etc/passwd')",
            "graph_create_entities([{'name': 'Ann', 'entityType': 'person', 'observations': ['is here']}])\n"
            "print(graph_read_graph()['entities'][0]['name'])",
        )

    assert result.steps[1].output == "héllo\n"
    assert "Access denied" in (result.steps[2].error or "")
    assert result.steps[3].output == "Ann\n"
    assert sqlite3.connect(tmp_path / "x.db").execute("select a from t").fetchone() == (41,)
    assert "Ann" in (tmp_path / "graph.json").read_text()


def test_names_that_clash_are_an_error_with_the_remedy(tmp_path: Path) -> None:
    """Two servers with a tool of one name are told apart by a prefix, never in silence."""
    two = [as_dict(plain(tmp_path)), as_dict(plain(tmp_path))]
    with pytest.raises(UsageError, match="both have a tool 'look'.*prefix=True"):
        MCPClient(two).connect()
    with MCPClient(two[0], prefix="mine", effects={"write": "irreversible"}) as client:
        assert {"mine_look": "read", "mine_write": "irreversible"}.items() <= {t.name: t.effect for t in client}.items()


def test_two_of_one_server_are_told_apart_by_number(tmp_path: Path) -> None:
    """With `prefix=True` the second of one name has a number, in sync and in async code, and each is its own server."""
    two = [as_dict(plain(tmp_path)), as_dict(plain(tmp_path))]

    async def inside() -> tuple[list[str], Any]:
        async with ToolCollection.from_mcp(two, prefix=True) as tools:
            first, second = (tool.name for tool in tools if tool.name.endswith("look"))
            agent = CodeAgent(tools, ScriptedModel([f"```python\nfinal_answer({first}() != {second}())\n```"]))
            return [first, second], await agent.arun("Go.")

    names, apart = asyncio.run(inside())
    with MCPClient(two, prefix=True) as client:
        assert [tool.name for tool in client if tool.name.endswith("look")] == names
        assert [tool.name for tool in client.get_tools() if tool.name.endswith("look")] == names
    assert names[1] == f"{names[0].removesuffix('_look')}_2_look"
    assert apart


def test_one_client_serves_any_loop_and_thread(tmp_path: Path) -> None:
    """Runs in several loops and threads share one server; calls of one program run at once."""
    client = MCPClient(as_dict(plain(tmp_path)))

    def once(into: list[str]) -> None:
        into.extend(
            outputs(run(client, "import asyncio\nprint(*set(await asyncio.gather(*[look() for _ in range(9)])))"))
        )

    async def inside() -> str:
        async with client:
            result = await CodeAgent(client, ScriptedModel(["```python\nfinal_answer(look())\n```"])).arun("Go.")
            return f"{result}\n"

    seen: list[str] = []
    threads = [threading.Thread(target=once, args=(seen,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    once(seen)
    seen.append(asyncio.run(inside()))

    assert len(seen) == 5
    assert len(set(seen)) == 1


def test_a_server_that_was_started_again_is_found(tmp_path: Path) -> None:
    """Over HTTP too: the session that it has forgotten, and the address that nobody answered for a while."""
    require_services()
    port = free_port()
    with listening(services.everything("streamableHttp"), port, PORT=str(port)):
        client = MCPClient(f"http://127.0.0.1:{port}/mcp")
        client.connect()
    gone = run(client, "echo('x')")
    with listening(services.everything("streamableHttp"), port, PORT=str(port)):
        again = run(client, "print(echo('x'))")
        client.disconnect()

    assert "did not start" in (gone.steps[0].error or "")
    assert outputs(again) == ["Echo: x\n"]


def test_listings_are_kept_as_long_as_the_server_says(tmp_path: Path, modern: str) -> None:
    """A modern server is asked again after its `ttlMs`; a handshake server's list stands until it says otherwise."""
    with MCPClient(modern) as fresh, MCPClient(as_dict(plain(tmp_path))) as kept:
        assert fresh.get_tools()[0] is not fresh.get_tools()[0]
        assert kept.get_tools()[0] is kept.get_tools()[0]


def test_a_server_of_this_process_is_a_server() -> None:
    """An SDK server object, whose listing may be kept for a minute, is used without a process or a port."""
    from mcp.server.caching import CacheHint
    from mcp.server.mcpserver import MCPServer

    server = MCPServer("inside", cache_hints={"tools/list": CacheHint(ttl_ms=60_000)})

    @server.tool()
    def shout(text: str) -> str:
        """Say it loudly."""
        return text.upper()

    with MCPClient(server, prefix=True) as client:
        assert client.get_tools()[0] is client.get_tools()[0]
        assert outputs(run(client, "print(inside_shout('hi'))")) == ["HI\n"]
