"""An agent as an MCP server: the command as a process, used by the client of this library and by the SDK's own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codeling import CodeAgent, MCPClient
from codeling.events import ToolProgressed
from codeling.testing import ScriptedModel
from tests.integrations.servers import free_port, listening

mcp = pytest.importorskip("mcp", reason="pip install 'codeling[mcp]'")

COMMAND = [sys.executable, "-m", "codeling"]
AGENT = """
from codeling import CodeAgent, ModelError, tool
from codeling.testing import ScriptedModel

@tool
def double(number: int) -> int:
    '''Double a number.'''
    print("a tool that prints to the output of the server")
    return 2 * number

def answer(messages):
    said = [message.content for message in messages if message.role == "user"]
    if "Fail" in said[-1]:
        raise ModelError("the model is away")
    return "```python\\nprint(double(4))\\n```" if "Task: Double" in said[-1] else "```python\\nfinal_answer({'is': double(4)})\\n```"

agent = CodeAgent([double], ScriptedModel(answer), name="doubler", description="Doubles four.", max_steps=5)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that defines an agent."""
    path = tmp_path / "my_agent.py"
    path.write_text(AGENT)
    return path


def test_an_agent_is_a_tool_of_another_one(file: Path) -> None:
    """Over stdio: its answer is a value, its steps are progress, its failure is an error of the call."""
    seen: list[ToolProgressed] = []

    def note(event: Any) -> None:
        if isinstance(event, ToolProgressed):
            seen.append(event)

    with MCPClient({"command": sys.executable, "args": ["-m", "codeling", "serve", "mcp", str(file)]}) as client:
        programs = [
            "r = run('Double 4')\nprint(r['state'], r['steps'])",
            "run('Fail')",
            "final_answer(r['answer']['is'])",
        ]
        model = ScriptedModel([f"```python\n{program}\n```" for program in programs])
        result = CodeAgent(client, model, observers=[note]).run("Go.", return_full_result=True)

    assert result.output == 8
    assert result.steps[0].output == "success 2\n"
    assert [(event.progress, event.total, event.message) for event in seen] == [
        (1, 5, "step 1: 8"),
        (2, 5, "step 2: final_answer({'is': double(4)})"),
    ]
    assert "the model is away" in (result.steps[1].error or "")


def test_an_agent_is_served_over_http(file: Path) -> None:
    """To the official client, in the newest version of the protocol, several runs at once."""
    port = free_port()

    async def work() -> tuple[str, list[Any], str]:
        async with mcp.Client(f"http://127.0.0.1:{port}/mcp") as client:
            (tool,) = (await client.list_tools()).tools
            results = await asyncio.gather(*[client.call_tool("run", {"task": "Double 4"}) for _ in range(3)])
            return tool.description, [r.structured_content["answer"] for r in results], client.protocol_version

    with listening([*COMMAND, "serve", "mcp", str(file), "--http", str(port)], port):
        described, answers, version = asyncio.run(work())

    assert (described, answers, version) == ("Doubles four.", [{"is": 8}] * 3, "2026-07-28")


def test_wrong_use_is_said_at_once(tmp_path: Path) -> None:
    """A file that is not there or has no agent, and a port that is none."""
    (tmp_path / "none.py").write_text("x = 1\n")
    for given, why in [(["nope.py"], "no file"), ([str(tmp_path / "none.py")], "defines no agent")]:
        done = subprocess.run(
            [*COMMAND, "serve", "mcp", *given], capture_output=True, text=True, check=False, timeout=60
        )
        assert (done.returncode, why in done.stderr) == (2, True), done.stderr
