"""The `app.py` of a saved agent, started as a Space starts it, and talked to by Gradio's own client."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from codeling import CodeAgent, OpenAIModel, Tool
from codeling.testing import ScriptedModel
from tests.models.loopback import Loopback, says

from . import saved_tools
from .servers import free_port
from .test_spaces import answering

gradio_client = pytest.importorskip("gradio_client")


@pytest.fixture
def served() -> Iterator[Loopback]:
    """The provider that the saved agent's model is behind."""
    server = Loopback()
    yield server
    server.shutdown()
    server.server_close()
    assert server.faults == []


def started(folder: Path, port: int, **env: str) -> subprocess.Popen[bytes]:
    """Start the app as a Space does: its folder is the working one, nothing else is said."""
    told = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", **env}
    place = {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1"}
    return subprocess.Popen(
        [sys.executable, "app.py"], cwd=folder, env={**os.environ, **told, **place}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.timeout(600)
def test_a_saved_agent_is_an_app_and_a_tool_of_others(tmp_path: Path, served: Loopback) -> None:
    """What it requires is installed; it starts; it works for a client and for other agents; nobody is asked."""
    model = OpenAIModel("m", api_base=served.url, api_key="sk-not-written-0123456789")
    with pytest.warns(UserWarning, match="secrets are not saved"):
        CodeAgent([saved_tools.get, saved_tools.count], model, name="counter", max_steps=1).save(tmp_path)
    for requirement in (tmp_path / "requirements.txt").read_text().splitlines():
        assert importlib.metadata.version(re.split(r"[\[><=~]", requirement)[0])
    served.steps = [says("```python\nfinal_answer(get('a', extra=1))\n```")]
    port = free_port()
    process = started(tmp_path, port, OPENAI_API_KEY="sk-of-the-space-0123456789")
    try:
        address = answering(port, process)
        client = gradio_client.Client(address, verbose=False)
        assert client.predict("Count.", api_name="/run") == "4"
        assert served.headers[-1]["authorization"] == "Bearer sk-of-the-space-0123456789"
        assert "Count." in str(served.asked[-1])
        tool = Tool.from_space(address, "counter")
        program = ScriptedModel(["```python\nfinal_answer(counter('Count, please.'))\n```"])
        assert CodeAgent([tool], program).run("Ask the counter.") == "4"
        served.steps = [says("```python\ncount(['a'])\n```"), says("```python\nfinal_answer(0)\n```")]
        assert client.predict("Count.", api_name="/run") == "0"
        assert "nobody can be asked here" in str(served.asked[-1])
        served.steps = [lambda http: http.answer({"error": {"message": "wrong key"}}, status=401)]
        with pytest.raises(Exception, match="wrong key"):
            client.predict("Count.", api_name="/run")
        client.close()
    finally:
        process.terminate()
        process.wait(30)
