"""A secret is used by tools and models, and found nowhere: every place where it could be is searched."""

from __future__ import annotations

import copy
import io
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from codeling import (
    CodeAgent,
    Event,
    ModelError,
    OpenTelemetryObserver,
    Secret,
    TerminalObserver,
    ToolCall,
    ToolCallingAgent,
    ToolProgressed,
    Verdict,
    tool,
)
from codeling.cli.answers import event_text
from codeling.observers.trace_file import trace_html
from codeling.protocols import running
from codeling.testing import ScriptedModel
from codeling.tools import FunctionTool
from tests.core.helpers import program

pytest.importorskip("opentelemetry.sdk.trace", reason="the SDK is in the extra otel")
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

TEXT = "sk-Zq7-very-secret-0042"
used: list[str] = []


def make(*replies: Any, token: str, journal: str, observers: Any = (), kind: Any = CodeAgent) -> Any:
    """Give an agent whose tools hold the secret and are careless with it."""
    key = f"key {token}"

    def describe(name: str, key: str = key) -> Any:
        used.append(f"Bearer {token}")
        return {"name": name, "headers": {"Authorization": f"Bearer {token}"}, "raw": [token.encode(), (token,)]}

    def fetch(name: str, key: str = key) -> Any:
        running().show(ToolProgressed(name="fetch", progress=1, message=f"asking with {key}"))
        return describe(name, key)

    about = f"Fetch something with {key}, and give the request back with it."

    @tool
    def fail(name: str) -> str:
        """Fail, and say too much."""
        raise PermissionError(f"token {token} was refused for {name}")

    return kind(
        [FunctionTool(fetch, effect="read", description=about), fail], ScriptedModel(replies), journal=journal,
        observers=observers, instructions=f"The key is {token}.", policy=policy(token),
    )  # fmt: skip


def policy(token: str) -> Any:
    """Refuse one call, and say too much."""
    return lambda call, tool: Verdict("deny", f"not with {token}") if call.args == ("z",) else "allow"


CODE = """
import json
got = fetch('x')
print(got, key)
for call in (lambda: fail('y'), lambda: fail('z'), lambda: fetch()):
    try:
        call()
    except Exception as error:
        print(error)
print([name for name, value in globals().items() if 'very-' + 'secret' in repr(value)])
"""


def test_a_secret_is_found_nowhere(tmp_path: Path) -> None:
    """Not in the journal's files, events, prompts, the sandbox, the answer, what is shown, traces, pages, or forks."""
    token = Secret(TEXT)
    events, screen, spans = list[Event](), io.StringIO(), InMemorySpanExporter()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    observers = [events.append, TerminalObserver(screen), OpenTelemetryObserver(tracer_provider=tracers, content=True)]
    replies = (program(CODE), program("final_answer(got)"), program("final_answer(2)"))
    agent = make(*replies, token=token, journal=str(tmp_path / "runs.db"), observers=observers)
    result = agent.run(f"Use {token}.", additional_args={"key": token}, return_full_result=True)
    forked = agent.fork(result.run_id, 2, task=f"Use {token} again.", return_full_result=True)
    places = {
        "events": [repr(event) for event in events] + [event_text(event) for event in events if event.durable],
        "prompts": [repr(request) for request in agent._model.requests],
        "result": [repr(result), json.dumps(str(result.output)), repr(forked)],
        "files": [path.read_bytes().decode("latin-1") for path in tmp_path.iterdir()],
        "spans": [span.to_json() for span in spans.get_finished_spans()],
        "screen": [screen.getvalue()],
        "page": [trace_html(result.events)],
    }

    assert used[-1] == f"Bearer {TEXT}"
    for place, texts in places.items():
        assert [text for text in texts if "very-secret" in text] == [], place
        assert any("[secret]" in text for text in texts), place
    assert "[secret]" in result.steps[0].output
    assert result.steps[0].output.rstrip().endswith("[]")
    assert result.output["headers"] == {"Authorization": "Bearer [secret]"}
    assert any(isinstance(event, ToolProgressed) and "[secret]" in event.message for event in events)


def test_schemas_of_calls_do_not_tell(tmp_path: Path) -> None:
    """Nor what an agent that makes JSON calls is offered, told and refused."""
    calls = [ToolCall(id="1", name="fetch", args=("x",)), ToolCall(id="2", name="fail", args=("z",))]
    agent = make(calls, "Done.", token=Secret(TEXT), journal=str(tmp_path / "runs.db"), kind=ToolCallingAgent)
    agent.run("Go.")
    asked = [repr(request) for request in agent._model.requests]

    assert [text for text in asked if "very-secret" in text] == []
    assert "key [secret]" in str(agent._model.requests[0].tools)
    assert "not with [secret]" in asked[1]


def test_errors_that_end_a_run_do_not_tell(tmp_path: Path) -> None:
    """The message that a caller gets is covered, and that of the error behind it."""
    token = Secret(TEXT)

    def refuse(messages: Any) -> str:
        try:
            raise ConnectionError(f"401 for key {token}")
        except ConnectionError as error:
            raise ModelError(f"the provider refused {token}") from error

    with pytest.raises(ModelError) as caught:
        make(refuse, token=token, journal=str(tmp_path / "runs.db")).run("Go.")

    assert "the provider refused [secret]" in str(caught.value)
    assert "very-secret" not in str(caught.value.__cause__)
    assert "very-secret" not in repr(caught.value.result)


def test_a_secret_is_a_text() -> None:
    """It works wherever a text does, shows itself nowhere, and stays what it is when it is copied."""
    token = Secret(TEXT)

    assert f"Bearer {token}" == f"Bearer {TEXT}"
    assert token == TEXT
    assert TEXT not in repr(token)
    assert TEXT not in repr({"token": token})
    assert copy.deepcopy(token) == pickle.loads(pickle.dumps(token)) == TEXT
    with pytest.raises(ValueError, match="at least 4 characters"):
        Secret("abc")
