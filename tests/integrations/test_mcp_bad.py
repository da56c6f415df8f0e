"""MCP servers that do not start, hang, die, lie and flood: a clear error, and the run goes on."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from codeling import CodeAgent, EndsRun, Interrupted, MCPClient, Tool, UsageError
from codeling.result import RunResult
from codeling.testing import ScriptedModel

from .servers import plain


@pytest.fixture
def client(tmp_path: Path) -> Iterator[MCPClient]:
    """A client of the server that does badly what it is told to."""
    with MCPClient({"command": plain(tmp_path)[0], "args": plain(tmp_path)[1:]}, timeout=20) as client:
        yield client


def run(client: Any, *programs: str) -> RunResult:
    """Run programs one after the other, then answer."""
    replies = [f"```python\n{program}\n```" for program in (*programs, "final_answer('on')")]
    result = CodeAgent(client, ScriptedModel(replies)).run("Go.", return_full_result=True)
    assert isinstance(result, RunResult)
    assert result.output == "on"
    return result


def test_a_server_that_does_not_start_says_why() -> None:
    """A command that is not there, and one that ends at once with its last words."""
    with pytest.raises(EndsRun, match="'no-such-command' did not start: FileNotFoundError"):
        MCPClient("no-such-command").connect()
    dying = [sys.executable, "-I", "-c", "import sys; sys.exit('no key for the service')"]
    with pytest.raises(EndsRun, match="no key for the service"):
        MCPClient({"command": dying[0], "args": dying[1:]}).connect()
    with pytest.raises(EndsRun, match="did not start"):
        MCPClient("http://127.0.0.1:9/mcp").connect()


def test_a_server_that_hangs_at_its_start_is_left(tmp_path: Path) -> None:
    """The time to connect is bounded, and the error names the option."""
    with pytest.raises(EndsRun, match="within 1 s of its start.*connect_timeout"):
        MCPClient([sys.executable + " -I -c 'import time; time.sleep(60)'"], connect_timeout=1).connect()


def test_a_call_that_does_not_end_is_an_error_in_time(tmp_path: Path) -> None:
    """The call fails, the program may handle it, and the server is used again."""
    command = plain(tmp_path)
    with MCPClient({"command": command[0], "args": command[1:]}, timeout=1) as client:
        result = run(client, "hang()")
    assert "did not answer 'hang' within 1 s" in (result.steps[0].error or "")


def test_a_server_that_dies_in_a_call_is_started_again(client: MCPClient, tmp_path: Path) -> None:
    """What only reads is done again at once; of a write it is said that nobody knows; later calls work."""
    result = run(client, "before = look()\nprint(die())", "die_writing()", "print(look() == before)")

    assert result.steps[0].output.startswith("die ")
    assert "what it did is unknown" in (result.steps[1].error or "")
    assert "I am dying." in (result.steps[1].error or "")
    assert result.steps[2].output == "False\n"
    assert (tmp_path / "log.txt").read_text().split() == ["look", "die", "die", "die-writing", "look"]


def test_calls_that_were_under_way_at_a_death_are_made_again(client: MCPClient, tmp_path: Path) -> None:
    """All of them, by one new server: a call that sees the old one's end late does not end the new one."""
    code = "import asyncio\nprint(len(await asyncio.gather(look(), die(), look(), look(), look())))"

    assert run(client, code).steps[0].output == "5\n"
    assert (tmp_path / "log.txt").read_text().split().count("die") == 2


def test_a_gigabyte_is_refused_before_it_is_read(client: MCPClient) -> None:
    """A message beyond the bound ends the connection, not the run."""
    result = run(client, "flood()", "print(look())")

    assert "more than 32 MiB in one message" in (result.steps[0].error or "")
    assert result.steps[1].output.startswith("look ")


class Giant(BaseHTTPRequestHandler):
    """A server over HTTP that answers a call with a body without end."""

    def do_POST(self) -> None:
        """Answer one request."""
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        method, number = message["method"], message.get("id")
        info = {
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "g", "version": "1"},
        }
        tools = {"tools": [{"name": "giant", "inputSchema": {"type": "object"}}]}
        results = {"initialize": info, "tools/list": tools, "tools/call": None}
        self.send_response(200 if number is not None else 202)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        if method == "tools/call":
            with contextlib.suppress(OSError):
                for _ in range(1024):
                    self.wfile.write(b" " * (1 << 20))
        elif number is not None:
            error = {"error": {"code": -32601, "message": "no"}}
            self.wfile.write(json.dumps(
                {"jsonrpc": "2.0", "id": number, **({"result": results[method]} if method in results else error)}
            ).encode())  # fmt: skip

    do_GET = do_DELETE = lambda self: self.send_error(405)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_gigabyte_over_http_is_refused_too() -> None:
    """Reading stops at the bound, and the call is an error of the program."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Giant)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with MCPClient(f"http://127.0.0.1:{server.server_port}/mcp") as client:
        error = run(client, "giant()").steps[0].error or ""
    server.shutdown()
    server.server_close()

    assert "more than 32 MiB in one answer" in error


def test_an_interrupt_ends_a_call_that_hangs(client: MCPClient) -> None:
    """The run ends in the middle of the call, and the client is good for the next run."""
    agent = CodeAgent(client, ScriptedModel(["```python\nhang()\n```"]))
    threading.Timer(2, agent.interrupt).start()
    with pytest.raises(Interrupted):
        agent.run("Go.")

    assert client["look"].effect == "read"


def test_lines_that_are_no_messages_are_passed_over(client: MCPClient) -> None:
    """A server that prints to its output is heard all the same."""
    assert run(client, "print(babble())").steps[0].output.startswith("babble ")


def test_results_are_held_against_the_output_schema(client: MCPClient) -> None:
    """A server that gives what its schema denies has failed the call."""
    error = run(client, "lie()").steps[0].error or ""

    assert "broke the protocol in 'lie'" in error
    assert "'many' is not of type 'integer'" in error


def test_impossible_tools_are_left_out_and_told(client: MCPClient) -> None:
    """A tool without a name or with a wrong schema takes none of the others away; asking for it says why."""
    assert client.refused.keys() == {"💥", "wrong-schema"}
    with pytest.raises(UsageError, match="is of type 'array'"):
        client["wrong-schema"]
    with pytest.raises(UsageError, match="there are look, write"):
        client["nope"]


def test_servers_take_no_names_of_the_program(client: MCPClient) -> None:
    """A tool called `print` is `print_`: it sees nothing of what programs print."""
    result = run(client, "print('secret')\nprint(print_())")

    assert result.steps[0].output.startswith("secret\nprint ")


def test_a_description_stays_a_description(client: MCPClient) -> None:
    """Quotes in it end no docstring: nothing of it is run where programs run."""
    tool = client["quote"]

    assert tool.stub.count('"""') == 2
    assert run(client, "help(quote)").steps[0].output.startswith("quote()")


def test_strange_schemas_are_python(client: MCPClient) -> None:
    """Names are mapped, references are followed and end, and arguments are fitted and sent by their own names."""
    tool = client["strange"]
    first = tool.stub.splitlines()[0]
    result = run(
        client,
        "import datetime\nprint(strange([{'name': 1, 'next': None}], _2nd_value='5', extra={'a': '1'}, loop={1, 2}))",
        "strange([{'nme': 'x'}])",
    )

    assert "in_: list[dict]" in first
    assert "_2nd_value: int | None = None" in first
    assert "mode: Literal['on', 'off'] = 'on'" in first
    assert "in_: list[{'name': str, 'next'?: Any}]" in tool.stub
    assert result.steps[0].output == (
        '{"in": [{"name": "1", "next": null}], "2nd-value": 5, "extra": {"a": 1}, "loop": [1, 2]}\n'
    )
    assert "has no 'nme'" in (result.steps[1].error or "")


def test_schemas_that_would_grow_for_ever_are_cut(tmp_path: Path) -> None:
    """A document of references that fan out is read in bounded time, and what is left takes anything."""
    from codeling.integrations.schema_types import written

    fan = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"type": "object", "properties": {
        str(k): {"$ref": f"#/$defs/d{n + 1}"} for k in range(20)}}]} for n in range(20)}  # fmt: skip
    read = written({"$ref": "#/$defs/d0", "$defs": {**fan, "d20": {"type": "string"}}})
    odd = {"type": ["string", {}], "format": [], "enum": [], "required": 5, "properties": [], "title": {}}

    assert len(read.whole) < 1_000_000
    assert written(odd).short == "Any"
    assert written({"type": "object", "properties": {"a": 5, "b": {"$ref": 7}}}).whole == "{'a'?: Any, 'b'?: Any}"


@pytest.mark.parametrize("given", [5, {"command": "x", "cmd": 1}, {}, {"url": "http://x", "transport": "carrier"}, ""])
def test_parameters_that_name_no_server_are_refused(given: Any) -> None:
    """The error says which forms there are."""
    with pytest.raises(UsageError, match=r"there are|needs a|give a command|is empty"):
        Tool.from_mcp(given, "x")
