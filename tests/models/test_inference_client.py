"""`InferenceClientModel` with the real Hugging Face client, against a real llama.cpp server and one that misbehaves."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from codeling.errors import ContextOverflow, ModelAccessDenied, ModelError, UsageError
from codeling.messages import Delta, Message, Reply, Request, ToolSchema
from codeling.models.inference_client import InferenceClientModel

from .loopback import KEY, Loopback, Step, fails, says, streams

ASK = (Message(role="user", content="Tell me a long story."),)


def model(server: Loopback | str, **options: Any) -> InferenceClientModel:
    base = server if isinstance(server, str) else server.url
    return InferenceClientModel("m", base_url=base, api_key=KEY, **options)


def ask(one: InferenceClientModel, messages: tuple[Message, ...] = ASK, **request: Any) -> Reply:
    return asyncio.run(one.reply(Request(messages=messages, **request)))


def stream(one: InferenceClientModel, **request: Any) -> tuple[Reply, list[Delta]]:
    deltas: list[Delta] = []
    return asyncio.run(one.reply(Request(messages=ASK, **request), on_delta=deltas.append)), deltas


def test_streaming_equals_not_streaming(llama: str) -> None:
    """A real server's streamed reply is the same text as its whole one, and both report their tokens."""
    one = model(llama, temperature=0, seed=1)
    whole = ask(one, max_tokens=12)
    streamed, deltas = stream(one, max_tokens=12)

    assert whole.content == streamed.content == "".join(delta.text for delta in deltas)
    assert whole.finish == streamed.finish == "length"
    assert whole.usage.output_tokens == streamed.usage.output_tokens == 12
    assert streamed.usage.cached_tokens > 0


def test_real_refusals(llama: str) -> None:
    """A real server's refusal of the key and of an overlong conversation are typed errors."""
    with pytest.raises(ModelAccessDenied, match=r"Invalid API Key.*HF_TOKEN"):
        ask(InferenceClientModel("m", base_url=llama, token="hf_wrong"))
    with pytest.raises(ContextOverflow, match="2048 tokens"):
        ask(model(llama), (Message(role="user", content="word " * 3000),))


def test_cancelled_stream(llama: str) -> None:
    """A cancelled reply ends at once, and the server is free for the next."""
    one = model(llama, temperature=0, ignore_eos=True)

    async def story() -> float:
        begun = asyncio.Event()
        task = asyncio.create_task(one.reply(Request(messages=ASK, max_tokens=1500), on_delta=lambda _: begun.set()))
        await begun.wait()
        start = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await one.reply(Request(messages=ASK, max_tokens=2))
        return time.monotonic() - start

    assert asyncio.run(story()) < 5


def test_calls(loopback: Loopback) -> None:
    """Calls come out whole, streamed in pieces or not, and reasoning is kept."""
    weather = ToolSchema(name="weather", description="", parameters={"type": "object", "properties": {}})
    function = {"name": "weather", "arguments": '{"city": "Rom"}'}
    head = {"index": 0, "id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"city"'}}
    rest = {"index": 0, "function": {"arguments": ': "Rom"}'}}
    loopback.steps = [
        says(
            None,
            finish="tool_calls",
            reasoning="hm",
            tool_calls=[{"id": "a", "type": "function", "function": function}],
        ),
        streams({"reasoning": "hm"}, {"tool_calls": [head]}, {"tool_calls": [rest]}, finish="tool_calls"),
    ]
    one = model(loopback, tool_choice="auto")
    whole = ask(one, tools=(weather,))
    streamed, _ = stream(one, tools=(weather,))

    assert whole.calls == streamed.calls
    assert [(call.id, call.kwargs) for call in whole.calls] == [("a", {"city": "Rom"})]
    assert whole.reasoning == streamed.reasoning == "hm"
    assert whole.finish == streamed.finish == "calls"
    assert loopback.asked[0]["tool_choice"] == "auto"
    assert loopback.headers[0]["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "step",
    [
        fails(503, "loading", headers={"Retry-After": "0"}),
        fails(400, "unknown field `stream_options`"),
        streams({"content": "half"}, cut=True),
        streams({"content": "half"}, "{no json"),
        streams({"content": "half"}, '{"error": "overloaded", "error_type": "overloaded"}'),
    ],
)
def test_passing_failures(loopback: Loopback, step: Step) -> None:
    """A reply survives a failure that may pass, and an option that the server does not take."""
    loopback.steps = [step, streams({"content": "whole"})]
    reply, _ = stream(model(loopback))

    assert reply.content == "whole"
    assert len(loopback.asked) == 2


def test_hopeless_failures(loopback: Loopback) -> None:
    """What cannot be mended by another try is raised at once with the server's words and no token."""
    one = model(loopback)
    loopback.steps = [fails(403, f"no rights for {KEY}"), fails(402, "exceeded your monthly credits")]
    with pytest.raises(ModelAccessDenied, match="no rights for") as denied:
        ask(one)
    with pytest.raises(ModelError, match="monthly credits"):
        ask(one)

    assert KEY not in str(denied.value)
    assert len(loopback.asked) == 2


def test_no_token(tmp_path: Path) -> None:
    """A model is made without a token; the first reply says which variable to set."""
    code = """
import asyncio
from codeling.errors import ModelAccessDenied
from codeling.messages import Message, Request
from codeling import InferenceClientModel
model = InferenceClientModel(model_id="org/model")
try:
    asyncio.run(model.reply(Request(messages=(Message(role="user", content="hi"),))))
except ModelAccessDenied as error:
    print(error)
"""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING_FACE"))}
    env = {**bare, "HF_HOME": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=30, check=False)

    assert "HF_TOKEN" in run.stdout
    assert run.stderr == ""


def test_two_names() -> None:
    """The token has two names, of which one may be given."""
    with pytest.raises(UsageError, match="two names"):
        InferenceClientModel(token="a", api_key="b")
