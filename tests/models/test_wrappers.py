"""Models made of models: fallback, rate, record and replay, prices; and runs on servers that fail now and then."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from codeling import (
    CodeAgent,
    FallbackModel,
    Limits,
    Prices,
    RateLimitedModel,
    RecordedModel,
    RunResult,
    ToolCallingAgent,
    tool,
)
from codeling.errors import ContextOverflow, ModelAccessDenied, ModelError, UsageError
from codeling.messages import Delta, Image, Message, Reply, Request, ToolCall, Usage
from codeling.models.openai import OpenAIModel
from codeling.models.prices import priced
from codeling.testing import ScriptedModel

from .adapters import RECORDED, Entry
from .loopback import Handler, Loopback
from .wires import Said, Trouble

ASK = Request(messages=(Message(role="user", content="Hello?"),))


def say(model: Any, request: Request = ASK) -> Reply:
    """Ask once."""
    reply: Reply = asyncio.run(model.reply(request))
    return reply


# Fallback


def test_the_next_model_answers_where_one_fails() -> None:
    """A model that fails for good is followed by the next, and passed over for a while."""
    first, second = ScriptedModel([ModelError("down"), "never"]), ScriptedModel(["one", "two"])
    model = FallbackModel([first, second])

    assert [say(model).content, say(model).content] == ["one", "two"]
    assert len(first.requests) == 1
    assert model.name == "scripted or scripted"


def test_a_conversation_that_is_too_long_for_one_is_put_to_the_next() -> None:
    """It says nothing against the first model, which answers the next request."""
    first, second = ScriptedModel([ContextOverflow("too long"), "short"]), ScriptedModel(["long"])
    model = FallbackModel([first, second])

    assert [say(model).content, say(model).content] == ["long", "short"]


def test_where_all_fail_their_words_are_told() -> None:
    """The last one's kind of error, with the words of all; one that rests is still tried when nobody else is left."""
    first, second = ScriptedModel([ModelError("down"), "back"]), ScriptedModel([ModelAccessDenied("no key")] * 2)
    model = FallbackModel([first, second])
    with pytest.raises(ModelAccessDenied, match="down; no key"):
        say(model)
    assert say(model).content == "back"
    with pytest.raises(UsageError, match="at least one"):
        FallbackModel([])


def test_a_fallback_sees_if_all_see() -> None:
    """Any of them may have to read the picture."""
    blind = ScriptedModel([], reads_images=False)

    assert not FallbackModel([ScriptedModel([]), blind]).reads_images
    assert FallbackModel([ScriptedModel([])]).reads_images


def test_a_model_within_others_is_told_of_tools_in_its_own_way(tmp_path: Path) -> None:
    """What wraps one that makes no native calls makes none either: a JSON agent shows it how to write them."""

    def written() -> ScriptedModel:
        return ScriptedModel(['{"name": "price", "arguments": {"item": "lamp"}}', "4"], calls_natively=False)

    for wrap in (
        lambda model: FallbackModel([model, ScriptedModel([])]), RateLimitedModel,
        lambda model: RecordedModel(tmp_path / "calls.jsonl", model),
    ):  # fmt: skip
        inner = written()
        assert ToolCallingAgent([price], wrap(inner)).run("How much is a lamp?") == "4"
        assert "def price(item: str)" in inner.requests[0].messages[-1].content
        assert not inner.requests[0].tools
    assert ToolCallingAgent([price], RecordedModel(tmp_path / "calls.jsonl")).run("How much is a lamp?") == "4"


# Rate


def test_requests_beyond_the_rate_wait() -> None:
    """Of five requests at once, those beyond a minute's worth wait their turn; a cancelled one gives its place back."""
    scripted = ScriptedModel(["x"] * 5)
    model = RateLimitedModel(scripted, requests_per_minute=3)

    async def five() -> tuple[int, int]:
        tasks = [asyncio.create_task(model.reply(ASK)) for _ in range(5)]
        done, waiting = await asyncio.wait(tasks, timeout=0.2)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        return len(done), len(waiting)

    assert asyncio.run(five()) == (3, 2)
    assert model._requests._left > -0.1


def test_tokens_beyond_the_rate_wait() -> None:
    """Once a reply has used the tokens up, the next request waits; the wait is as long as the rate says."""
    usage = Usage(input_tokens=900, output_tokens=130)
    model = RateLimitedModel(ScriptedModel([Reply(content="a", usage=usage), "b"]), tokens_per_minute=1000)

    async def two() -> Reply:
        await model.reply(ASK)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await model.reply(ASK)
        return await model.reply(ASK)

    since = time.monotonic()
    assert asyncio.run(two()).content == "b"
    assert time.monotonic() - since > 1  # thirty tokens too many
    with pytest.raises(UsageError, match="above 0"):
        RateLimitedModel(ScriptedModel([]), requests_per_minute=0)


# Record and replay


def test_what_was_recorded_is_replayed_without_a_model(tmp_path: Path) -> None:
    """The same requests get the same replies in the same order and pieces, from the file alone."""
    call = ToolCall(id="a", name="f", kwargs={"x": [1, None]})
    usage = Usage(input_tokens=3, cost=0.5)
    replies: list[Any] = [
        "one",
        "two",
        Reply(content="a\u2028b\x85c", calls=(call,), extra={"k": [{"s": "é"}]}, usage=usage, finish="calls"),
    ]
    other = Request(messages=(Message(role="user", content="Look.", images=(Image(b"png"),)),))
    recorder = RecordedModel(tmp_path / "talk.jsonl", ScriptedModel(replies))
    first = [say(recorder), say(recorder), say(recorder, other)]
    replayer = RecordedModel(tmp_path / "talk.jsonl")
    deltas: list[Delta] = []

    assert [say(replayer), say(replayer), say(replayer, other)] == first
    assert say(replayer).content == "two"  # the last of the equal ones again
    assert asyncio.run(RecordedModel(tmp_path / "talk.jsonl").reply(ASK, on_delta=deltas.append)).content == "one"
    assert "".join(delta.text for delta in deltas) == "one"


def test_what_the_file_does_not_hold_is_said(tmp_path: Path) -> None:
    """A request that was not recorded, a file that is not there and a line that is none are told apart."""
    path = tmp_path / "talk.jsonl"
    with pytest.raises(UsageError, match="no file"):
        RecordedModel(path)
    say(RecordedModel(path, ScriptedModel(["one"])))
    with pytest.raises(ModelError, match=r"ends with 'Bye\?'.*record it again"):
        say(RecordedModel(path), Request(messages=(Message(role="user", content="Bye?"),)))
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(UsageError, match="line 2"):
        RecordedModel(path)


@tool
def price(item: str) -> int:
    """Look up a price."""
    return len(item)


def test_a_run_is_recorded_and_replayed(tmp_path: Path) -> None:
    """A whole run of an agent goes the same way again, without its model."""
    script = ["```python\nprint(price('lamp'))\n```", "```python\nfinal_answer(price('lamp') * 2)\n```"]
    with CodeAgent([price], RecordedModel(tmp_path / "run.jsonl", ScriptedModel(script))) as agent:
        assert agent.run("Twice the price of a lamp?") == 8
    with CodeAgent([price], RecordedModel(tmp_path / "run.jsonl")) as agent:
        assert agent.run("Twice the price of a lamp?") == 8
    assert len([json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]) == 2


# Prices


def test_prices() -> None:
    """The caller's prices count first, then the library's; what nobody knows, and one's own server, cost nothing."""
    pytest.importorskip("genai_prices")
    usage = Usage(input_tokens=1_000_000, cached_tokens=500_000, output_tokens=100_000)

    def cost(model: str, prices: Prices | None, provider: str | None, usage: Usage = usage) -> float:
        reply = Reply(content="x", usage=usage)
        return asyncio.run(priced(reply, model=model, prices=prices, provider=provider)).usage.cost

    assert cost("any", Prices(input=1, output=10, cached=0.5), "openai") == pytest.approx(0.5 + 0.25 + 1)
    assert cost("any", Prices(input=1, output=10), None) == pytest.approx(2)
    assert 0.1 < cost("gpt-5", None, "openai") < 10
    assert cost("gpt-5", None, "https://api.openai.com/v1") == cost("gpt-5", None, "openai")
    assert cost("no-such-model", None, "openai") == 0
    assert cost("gpt-5", None, "http://localhost:8080/v1") == cost("gpt-5", None, "http://10.0.0.1/v1") == 0
    assert cost("gpt-5", None, "openai", Usage(input_tokens=1, cost=7.0)) == 7.0


def test_a_run_adds_up_its_cost(loopback: Loopback) -> None:
    """Prices that are passed to a model are what its runs cost."""
    loopback.steps = [RECORDED[0].wire.says(Said(text=("```python\nfinal_answer(1)\n```",)))]
    model = OpenAIModel("m", api_base=loopback.url, api_key="k", prices=Prices(input=1e6, output=1e5))
    with CodeAgent([], model) as agent:
        result = agent.run("Go.", return_full_result=True)
    assert isinstance(result, RunResult)
    assert result.cost == pytest.approx(11 + 0.7)


# Servers that fail now and then


@pytest.mark.parametrize("entry", [e for e in RECORDED if e.name in ("openai chat", "anthropic", "bedrock")], ids=str)
def test_a_run_survives_a_server_that_fails_every_third_call(entry: Entry, loopback: Loopback) -> None:
    """Each time another way: busy, broken in the middle of a stream, down; the run does not notice."""
    programs = [
        *(f"```python\nx{n} = {n}\nprint(x{n})\n```" for n in range(5)),
        "```python\nfinal_answer(x0 + x4)\n```",
    ]
    good = iter(programs)
    bad = iter(
        [entry.wire.fails(Trouble(kind="limit")), entry.wire.breaks(Said(text=("a", "b", "c")), cut=True),
         entry.wire.fails(Trouble(kind="fail"))]
    )  # fmt: skip

    def step(http: Handler) -> None:
        third = len(loopback.asked) % 3 == 0
        (next(bad) if third else entry.wire.says(Said(text=tuple(next(good).splitlines(keepends=True)))))(http)

    loopback.steps = [step]
    agent = CodeAgent([], entry.make(loopback.url))

    async def watched() -> Any:
        return [event async for event in agent.astream("Count.")][-1]

    assert asyncio.run(watched()).output == 4
    agent.close()
    assert len(loopback.asked) == 8


def test_a_limit_on_money_without_a_price_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """A reply whose price nobody knows is not counted: a run that may spend only so much warns of that, once, and others do not."""
    pytest.importorskip("genai_prices")

    class Unpriced(ScriptedModel):
        async def reply(self, request: Any, /, **options: Any) -> Reply:
            reply = await super().reply(request, **options)
            return await priced(reply, model="no-such-model-2", prices=None, provider="openai")

    said = ["```python\nprint(1)\n```", "```python\nfinal_answer(1)\n```"]
    below = CodeAgent([], Unpriced(said), name="below", description="Below.")
    above = ScriptedModel(["```python\nfinal_answer(below('Go.'))\n```"])
    assert CodeAgent([], Unpriced(said)).run("Go.") == 1
    assert caplog.records == []
    assert CodeAgent([], above, managed_agents=[below], limits=Limits(cost=1)).run("Go.") == 1

    [record] = caplog.records
    assert "no price of 'no-such-model-2' is known, so Limits(cost=…) does not hold for it" in record.getMessage()
