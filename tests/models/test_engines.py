"""vLLM's and mlx-lm's own servers, started by their adapters: the real libraries on a processor, with tiny real files.

Each has an environment of its own (`python -m scripts.engines mlx vllm`), and is skipped where it was not made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codeling import MLXModel, ToolCallingAgent, VLLMModel, tool
from codeling.errors import ContextOverflow, ModelAccessDenied, ModelError
from codeling.messages import Delta, Image, Json, Message, Reply, Request, ToolCall
from codeling.models.served import ServedModel
from scripts import engines

from . import tiny

pytestmark = pytest.mark.timeout(900)  # vLLM takes minutes to start where others work, too
STORY = (Message(role="user", content="Tell me a story."),)
CITY: Json = {
    "type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"], "additionalProperties": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model."""
    return tiny.writing(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(
    scope="module", params=["mlx", "vllm"], ids=lambda name: f"conformance of {name} (all real: its server)"
)
def engine(request: pytest.FixtureRequest, weights: Path) -> Iterator[ServedModel]:
    """A model behind each server; the first reply starts it, the last test ends it."""
    name: str = request.param
    if not engines.is_there(name):
        pytest.skip(f"{name} is not installed: python -m scripts.engines {name}")
    where: dict[str, Any] = {"python": engines.python(name), "temperature": 0, "max_tokens": 40}
    offline = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    if name == "mlx":
        model: ServedModel = MLXModel(str(weights), environment=offline, **where)
    else:
        model = VLLMModel(str(weights), environment=offline, arguments=["--enforce-eager"], **where)
    yield model
    process = model._process
    model.close()
    assert process is not None
    assert process.poll() is not None


def ask(model: Any, messages: tuple[Message, ...] = STORY, **request: Any) -> Reply:
    """Give the whole reply."""
    reply: Reply = asyncio.run(model.reply(Request(messages=messages, **request)))
    return reply


def test_streaming_equals_not_streaming(engine: ServedModel) -> None:
    """A streamed reply is the same text as a whole one, and both report their tokens and their end."""
    deltas: list[Delta] = []
    whole = ask(engine, max_tokens=12)
    streamed = asyncio.run(engine.reply(Request(messages=STORY, max_tokens=12), on_delta=deltas.append))

    assert whole.content == streamed.content == "".join(delta.text for delta in deltas) != ""
    assert whole.finish == streamed.finish == "length"
    assert whole.usage.output_tokens == streamed.usage.output_tokens == 12
    assert whole.usage.input_tokens == streamed.usage.input_tokens > 20


def test_stop(engine: ServedModel) -> None:
    """A reply ends before the stop text."""
    whole = ask(engine, max_tokens=12).content
    stop = next(char for char in whole[3:] if char.isascii() and char.isprintable())
    cut = ask(engine, max_tokens=12, stop=(stop,))

    assert (cut.content, cut.finish) == (whole[: whole.index(stop)], "stop")


def test_json_agents_show_the_tools(engine: ServedModel) -> None:
    """A model that was not said to make calls by itself is shown how to write them; the server takes the talk."""

    @tool
    def look() -> str:
        """Look."""
        return "rain"

    assert not engine.calls_natively
    result = ToolCallingAgent([look], engine, max_steps=1).run("Look.", return_full_result=True)
    assert result.usage.output_tokens > 0
    call = ToolCall(id="call_1", name="look", kwargs={})
    talk = (
        *STORY,
        Message(role="assistant", content="", calls=(call,)),
        Message(role="tool", content="rain", call_id="call_1"),
    )
    assert ask(engine, talk, max_tokens=2).usage.output_tokens == 2


def test_cancellation(engine: ServedModel) -> None:
    """A cancelled stream is over, and the next request is answered."""

    async def cancelled() -> Reply:
        begun = asyncio.Event()
        task = asyncio.create_task(
            engine.reply(Request(messages=STORY, max_tokens=1500), on_delta=lambda _: begun.set())
        )
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await engine.reply(Request(messages=STORY, max_tokens=2))

    assert asyncio.run(cancelled()).usage.output_tokens == 2


def test_refusals(engine: ServedModel) -> None:
    """A picture that nobody reads, a wrong name, a wrong key and a talk that is too long are told with the remedy."""
    with pytest.raises(ModelError, match="reads pictures"):
        ask(engine, (Message(role="user", content="Look.", images=(Image(b"png"),)),))
    if isinstance(engine, MLXModel):
        return  # it takes any name, any key and any length
    with pytest.raises(ContextOverflow, match="shorten"):
        ask(engine, (Message(role="user", content="word " * 4000),))
    with pytest.raises(ModelError, match="calls_natively=False"):
        ToolCallingAgent([], VLLMModel(engine.name, api_base=engine._base, api_key=engine._key)).run("Go.")
    with pytest.raises(ModelAccessDenied, match="api_key="):
        ask(VLLMModel(engine.name, api_base=engine._base, api_key="sk-wrong-key"))
    with pytest.raises(ModelError, match="check the model's name"):
        ask(VLLMModel("another", api_base=engine._base, api_key=engine._key))


def test_grammars_and_schemas(engine: ServedModel) -> None:
    """A model of random weights is held by vLLM to a grammar and to a schema."""
    if isinstance(engine, MLXModel):
        pytest.skip("its server takes neither")
    assert ask(engine, grammar='root ::= "hello " ("sea" | "ships")', max_tokens=30).content in (
        "hello sea",
        "hello ships",
    )
    assert ask(engine, schema=CITY, max_tokens=60).content.replace(" ", "").replace("\n", "") in (
        '{"a":true}',
        '{"a":false}',
    )
