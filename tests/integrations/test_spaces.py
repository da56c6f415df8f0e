"""Gradio apps as tools: a real app on loopback, reached by its address and as a Space of a loopback Hub."""

from __future__ import annotations

import asyncio
import importlib.util
import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from codeling import CodeAgent, EndsRun, Image, Tool, ToolError, UsageError
from codeling.integrations.saving_spec import spec_of_tool
from codeling.testing import ScriptedModel

from . import saved_tools
from .hub_server import Hub

HERE = Path(__file__).parent
pytestmark = pytest.mark.timeout(300)  # Gradio takes ten seconds to import, and much longer where much else runs


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def answering(port: int, process: subprocess.Popen[bytes]) -> str:
    """Wait until a server answers, and give its address."""
    for _ in range(2500):
        assert process.poll() is None, process.returncode
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return f"http://127.0.0.1:{port}"
        time.sleep(0.1)
    raise AssertionError("the app did not start")


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The addresses of a running app with endpoints of every kind, and of the app of a saved tool."""
    folder, ports = tmp_path_factory.mktemp("count"), (free_port(), free_port())
    saved_tools.count.save(folder)
    env = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(HERE.parents[1]),
           "GRADIO_SERVER_PORT": str(ports[1]), "GRADIO_SERVER_NAME": "127.0.0.1"}  # fmt: skip
    command = [sys.executable, str(HERE / "space_app.py"), str(ports[0]), str(folder / "app.py")]
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield answering(ports[0], process), answering(ports[1], process)
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def app(apps: tuple[str, str]) -> str:
    """The address of the app with endpoints of every kind."""
    return apps[0]


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vendor's client counts its uses unless it is told not to."""
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")


def picture() -> Any:
    return Pillow.new("RGB", (10, 20), "red")


def test_the_signature_is_the_endpoints_own(app: str) -> None:
    """Types, defaults, choices and labels come from the app; the name and the description may be given."""
    tool = Tool.from_space(app, "greeter", "Greet somebody.", api_name="/greet")

    assert tool.stub.splitlines()[0] == (
        "def greeter(name: str, times: float = 2, loud: bool = False, style: Literal['Hello', 'Bye'] = 'Hello') -> str:"
    )
    assert "times: Number 'How often'" in tool.stub
    assert Tool.from_space(app).name == "greet"
    assert Tool.from_space(app).description == f"Greet somebody so many times. (of the Gradio app {app})"


def test_a_program_calls_a_space_like_any_tool(app: str) -> None:
    """Arguments are fitted, defaults are the app's, several outputs are a tuple, a bad choice is told."""
    tools = [Tool.from_space(app, api_name=name) for name in ("greet", "look", "turn", "steps", "hello")]
    code = """
from PIL import Image
a = greet('you', '3', loud=True)
b = greet('me')
picture = Image.new('RGB', (10, 20), 'red')
c = look(picture, 'It is')
d = turn(picture)
try:
    greet('x', style='Rude')
except Exception as error:
    e = str(error)
final_answer([a, b, c, d.size, e, steps(3), hello('x')])
"""
    with CodeAgent(tools, ScriptedModel([f"```python\n{code}\n```"])) as agent:
        a, b, c, size, e, last, given = agent.run("Go.")

    assert (a, b) == ("HELLO YOU! HELLO YOU! HELLO YOU!", "Hello me! Hello me!")
    assert c == ("It is: RGB", 10.0, {"size": [10, 20]})
    assert size == (20, 10)
    assert "not one of 'Hello', 'Bye'" in e
    assert (last, given) == ("step 3", {"given": "x"})


def test_files_go_both_ways(app: str, tmp_path: Path) -> None:
    """Pictures, bytes, and from plain code paths are sent; pictures and bytes come back; nothing is left behind."""
    turn, shout = Tool.from_space(app, api_name="turn"), Tool.from_space(app, api_name="shout_file")
    buffer = io.BytesIO()
    picture().save(buffer, "PNG")
    picture().save(tmp_path / "a.png")

    for given in (picture(), buffer.getvalue(), Image(buffer.getvalue()), tmp_path / "a.png"):
        assert turn(given).size == (20, 10)
    assert shout(b"quiet") == b"QUIET"
    assert list(turn._files.iterdir()) == []


@pytest.mark.parametrize(
    "given",
    ["'/etc/passwd'", "__import__('pathlib').Path('/etc/passwd')",
     "{'path': '/etc/passwd', 'meta': {'_type': 'gradio.FileData'}}",
     "[{'path': '/etc/passwd', 'meta': {'_type': 'gradio.FileData'}}]"],
)  # fmt: skip
def test_a_program_sends_no_file_of_the_host(app: str, given: str) -> None:
    """Neither a path nor what the client takes for an uploaded file reaches a file of this machine."""
    tools = [Tool.from_space(app, api_name="shout_file"), Tool.from_space(app, api_name="hello")]
    calls = f"```python\nshout_file({given})\n```", f"```python\nhello({given})\n```", "```python\nfinal_answer(0)\n```"
    result = CodeAgent(tools, ScriptedModel(calls)).run("Go.", return_full_result=True)

    assert "Error" in str(result.steps[0].error)
    assert "ROOT:" not in str(result)
    assert "root:" not in str(result)


def test_an_app_gives_no_file_of_the_host(app: str) -> None:
    """An answer that is the path of a file here stays a text."""
    assert Tool.from_space(app, api_name="hello")("/etc/passwd") == {"given": "/etc/passwd"}


def test_failures_are_told(app: str) -> None:
    """What the app says to its user is given; the token is in no error; there is no such endpoint or app."""
    fail = Tool.from_space(app, api_name="fail", token="hf_hidden")
    with pytest.raises(ToolError, match=r"failed: AppError: not with hf|failed: AppError: not with \[token\]") as told:
        fail("not with hf_hidden")
    assert "hf_hidden" not in str(told.value)
    with pytest.raises(ToolError, match="failed: AppError"):
        fail("")
    with pytest.raises(UsageError, match=r"no endpoint 'nope'; there are: /greet"):
        Tool.from_space(app, api_name="nope")
    with pytest.raises(EndsRun, match=r"cannot be had|no Gradio app"):
        Tool.from_space("http://127.0.0.1:9")


def test_a_call_ends_in_time(app: str) -> None:
    """A slow app is left after `timeout`; an interrupted run does not wait for it."""
    with pytest.raises(ToolError, match=r"did not answer within 0\.3 s"):
        Tool.from_space(app, api_name="slow", timeout=0.3)(3)

    async def interrupted() -> float:
        agent = CodeAgent([Tool.from_space(app, api_name="slow")], ScriptedModel(["```python\nslow(9)\n```"]))
        task = asyncio.create_task(agent.arun("Wait."))
        await asyncio.sleep(1.5)
        since = time.monotonic()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return time.monotonic() - since

    assert asyncio.run(interrupted()) < 7


def test_a_space_of_the_hub_is_found_by_its_name(app: str, tmp_path: Path) -> None:
    """The Hub says where a Space runs; a private one gets its token, which no error, stub or saved file holds."""
    hub = Hub()
    hub.spaces["acme/private"], hub.hosts["acme/private"], hub.private["acme/private"] = {}, app, "hf_right"
    code = f"""
import sys
sys.modules["gradio"] = None  # as where only the client is installed, which would import it
from codeling import Tool
tool = Tool.from_space("acme/private", api_name="greet", token="hf_right")
print(tool("you"), tool.stub)
import warnings; warnings.simplefilter("ignore")
tool.save({str(tmp_path / "saved")!r}, app=False)
try:
    Tool.from_space("acme/private", token="hf_wrong")
except Exception as error:
    print(type(error).__name__, error)
"""
    env = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=110, check=False
    )
    hub.close()
    said = done.stdout + done.stderr + "".join(path.read_text() for path in (tmp_path / "saved").iterdir())

    assert "Hello you! Hello you!" in said
    assert "UsageError" in said
    assert "hf_wrong" not in said
    assert "hf_right" not in said.replace(code, "")


def test_a_space_tool_is_saved_by_what_it_was_made_with(app: str, tmp_path: Path) -> None:
    """Its folder holds the Space and the endpoint; with trust it is connected again."""
    tool = Tool.from_space(app, "greeter", api_name="greet", timeout=9.0, effect="read")
    tool.save(tmp_path, app=False)
    again = Tool.from_folder(tmp_path, trust_remote_code=True)

    assert again("x") == "Hello x! Hello x!"
    assert spec_of_tool(again) == spec_of_tool(tool)


def test_a_saved_tool_is_an_app_and_the_app_is_a_tool(apps: tuple[str, str]) -> None:
    """The app.py of a saved tool runs as it is, and is called as a Space; what is a list is written as JSON."""
    tool = Tool.from_space(apps[1])

    assert tool.name == "count"
    assert tool('["a", "b", "a"]') == {"a": 2, "b": 1}
    with pytest.raises(ToolError, match="is not a list"):
        tool("5")


def example(name: str) -> Any:
    """An example's file as a module."""
    spec = importlib.util.spec_from_file_location(name, HERE.parents[1] / "examples" / f"{name}.py")
    assert spec
    assert spec.loader
    spec.loader.exec_module(module := importlib.util.module_from_spec(spec))
    return module


def test_the_example_runs(app: str) -> None:
    """An agent calls the first endpoint of an app."""
    model = ScriptedModel(["```python\nfinal_answer(greet('Ada', 1))\n```"])

    assert example("space_tool").main(model, app) == "Hello Ada!"


def test_one_program_calls_every_ecosystem(app: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An MCP tool, a LangChain tool, a Space and a live database connection, in the default sandbox."""
    pytest.importorskip("mcp_server_time", reason="pip install mcp-server-time")
    monkeypatch.syspath_prepend(HERE.parents[1] / "examples")
    code = """
answer = []
for row in query('select * from calls'):
    there = convert_time(row['zone'], row['time'], 'UTC')['target']['datetime']
    answer.append((badge(row['name'], number=row['number']), there.split('T')[1][:5], greet(row['name'], 1)))
final_answer(answer)
"""
    found = example("ecosystems").main(ScriptedModel([f"```python{code}```"]), app)

    assert found == [("ANN-007", "00:00", "Hello Ann!"), ("BO-012", "12:00", "Hello Bo!")]


class Translator:
    """An object as gradio_tools has them."""

    name = "Text Translator"
    description = "Translate a text."

    def run(self, query: str) -> str:
        """Translate."""
        return query[::-1]


def test_tools_of_the_gradio_tools_style() -> None:
    """Name, description and `run` make a tool; what has none of them is refused."""
    tool = Tool.from_gradio(Translator())

    assert tool.stub == 'def Text_Translator(query: str) -> str:\n    """Translate a text."""'
    assert tool("abc") == "cba"
    with pytest.raises(UsageError, match="has no 'name'"):
        Tool.from_gradio(object())
