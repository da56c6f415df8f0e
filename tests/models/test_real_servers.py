"""What adapters do with real servers and real weights: llama.cpp's server, where it speaks their dialect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from codeling.errors import ContextOverflow, ModelAccessDenied, ModelError
from codeling.messages import Delta, Image, Message, Reply, Request, ToolCall, ToolSchema

from .adapters import REAL
from .loopback import KEY

pytestmark = [  # of litellm's own types
    pytest.mark.filterwarnings("ignore:Items? .* on TypedDict:UserWarning"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),
]
STORY = (Message(role="user", content="Tell me a long story."),)
WEATHER = ToolSchema(name="weather", description="The weather.", parameters={"type": "object", "properties": {}})


@pytest.fixture(params=REAL, ids=lambda real: f"conformance of {real[0]} (all real: llama.cpp's server)")
def make(request: pytest.FixtureRequest, llama: str) -> Callable[..., Any]:
    """Make one adapter after the other, against the real server."""
    made = request.param[1]
    return lambda **options: made(llama, **options)


def ask(model: Any, messages: tuple[Message, ...] = STORY, **request: Any) -> Reply:
    """Give the whole reply."""
    reply: Reply = asyncio.run(model.reply(Request(messages=messages, **request)))
    return reply


def test_streaming_equals_not_streaming(make: Callable[..., Any]) -> None:
    """A real server's streamed reply is the same text as its whole one, and both report their tokens."""
    model = make(temperature=0)
    deltas: list[Delta] = []
    whole = ask(model, max_tokens=12)
    streamed = asyncio.run(model.reply(Request(messages=STORY, max_tokens=12), on_delta=deltas.append))

    assert whole.content == streamed.content == "".join(delta.text for delta in deltas)
    assert whole.content
    assert whole.finish == streamed.finish == "length"
    assert whole.usage.output_tokens == streamed.usage.output_tokens == 12
    assert whole.usage.input_tokens == streamed.usage.input_tokens > 5


def test_conversations_with_calls(make: Callable[..., Any]) -> None:
    """Rules, calls and their results are taken by a real server."""
    call = ToolCall(id="call_1", name="weather", kwargs={"city": "Oslo"})
    talk = (
        Message(role="system", content="Be brief."),
        Message(role="user", content="How is the weather?"),
        Message(role="assistant", content="I look.", calls=(call,)),
        Message(role="tool", content="sunny", call_id="call_1"),
        Message(role="user", content="So?"),
    )
    assert ask(make(), talk, tools=(WEATHER,), max_tokens=4).usage.output_tokens > 0


def test_stop(make: Callable[..., Any]) -> None:
    """A reply ends before the stop text."""
    model = make(temperature=0)
    whole = ask(model, max_tokens=12).content
    word = whole.split()[2]
    cut = ask(model, max_tokens=12, stop=(word,))

    assert cut.content == whole[: whole.index(word)]
    assert cut.finish == "stop"


def test_refusals(make: Callable[..., Any]) -> None:
    """A wrong key, a conversation that is too long and a picture that nobody reads: typed, and with the remedy."""
    with pytest.raises(ModelAccessDenied, match="Invalid API Key") as denied:
        ask(make(key="sk-wrong-key-0000"))
    assert "wrong-key" not in str(denied.value)
    with pytest.raises(ContextOverflow, match="2048 tokens"):
        ask(make(), (Message(role="user", content="word " * 3000),))
    with pytest.raises(ModelError, match="reads pictures") as blind:
        ask(make(), (Message(role="user", content="Look.", images=(Image(b"png"),)),))
    assert KEY not in str(blind.value)


def test_cancellation(make: Callable[..., Any]) -> None:
    """A cancelled stream frees the one place that the real server has."""
    model = make(temperature=0)

    async def cancelled() -> Reply:
        begun = asyncio.Event()
        request = Request(messages=STORY, max_tokens=1500)
        task = asyncio.create_task(model.reply(request, on_delta=lambda _: begun.set()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        reply: Reply = await model.reply(Request(messages=STORY, max_tokens=2))
        return reply

    assert asyncio.run(cancelled()).usage.output_tokens == 2
