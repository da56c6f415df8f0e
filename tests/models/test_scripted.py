"""The model that answers from a script."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from codeling.errors import ModelError, UsageError
from codeling.messages import Delta, Message, Reply, Request, ToolCall, Usage
from codeling.testing import ScriptedModel

HI = Request(messages=[Message(role="user", content="hi there")])


def ask(model: ScriptedModel, request: Request = HI) -> Reply:
    return asyncio.run(model.reply(request))


def test_every_kind_of_line() -> None:
    """A script holds texts, replies, calls, errors and functions, and gives them in order."""
    call = ToolCall(id="1", name="add", kwargs={"a": 1})
    given = Reply(content="own", usage=Usage(input_tokens=1000), model="other")

    async def later(messages: Sequence[Message]) -> str:
        return messages[-1].content.upper()

    model = ScriptedModel(["text", given, [call], ValueError("boom"), lambda messages: len(messages), later])
    text, own, calls = ask(model), ask(model), ask(model)

    assert (text.content, text.finish, text.model) == ("text", "stop", "scripted")
    assert text.usage == Usage(input_tokens=2, output_tokens=1)
    assert own == given
    assert (calls.calls, calls.finish) == ((call,), "calls")
    with pytest.raises(ValueError, match="boom"):
        ask(model)
    with pytest.raises(UsageError, match="not 1"):
        ask(model)
    assert ask(model).content == "HI THERE"


def test_requests_are_kept() -> None:
    """What was asked is kept as it was then, even when the conversation grows later."""
    model = ScriptedModel(lambda messages: f"{len(messages)} messages", name="counter")
    talk = [Message(role="user", content="one")]
    first = ask(model, Request(messages=talk, stop=("x",)))
    talk.append(Message(role="user", content="two"))
    second = ask(model, Request(messages=talk))

    assert (first.content, second.content, second.model) == ("1 messages", "2 messages", "counter")
    assert [len(request.messages) for request in model.requests] == [1, 2]
    assert model.requests[0].stop == ("x",)


def test_end_of_script() -> None:
    """The end of a script is an error that counts its replies; a lone text is no script."""
    model = ScriptedModel(["only"])
    ask(model)

    with pytest.raises(ModelError, match="it holds 1 reply and this is request 2"):
        ask(model)
    with pytest.raises(UsageError, match="put 'lone' into a list"):
        ScriptedModel("lone")


def test_streaming() -> None:
    """With a listener the reply is told in small pieces that make it up, and can be cancelled between them."""
    deltas: list[Delta] = []
    reply = Reply(content="a longer text than that", reasoning="hm, let me think")
    asyncio.run(ScriptedModel([reply]).reply(HI, on_delta=deltas.append))

    assert "".join(delta.text for delta in deltas if delta.kind == "text") == reply.content
    assert "".join(delta.text for delta in deltas if delta.kind == "reasoning") == reply.reasoning
    assert len(deltas) == 5


def test_overlapping() -> None:
    """Runs that overlap share one script: each reply is given once, in the order of asking."""
    model = ScriptedModel([str(number) for number in range(8)], delay=0.01)

    async def together() -> list[str]:
        return [reply.content for reply in await asyncio.gather(*(model.reply(HI) for _ in range(8)))]

    assert asyncio.run(together()) == [str(number) for number in range(8)]
