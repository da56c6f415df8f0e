"""`TransformersModel` with real PyTorch: a tiny model with random weights, made and saved here."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from codeling.errors import ContextOverflow, ModelError
from codeling.messages import Delta, Image, Message, Reply, Request
from codeling.models.transformers import TransformersModel

torch = pytest.importorskip(
    "torch", reason="torch and transformers are a gigabyte: pip install 'codeling[transformers]'"
)
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries, at their first import

TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }} {{ m['content'] }} {% endfor %}{% if tools %}tools {% endif %}assistant"
)
WORDS = "user assistant system tools hello tell me a story of the sea and ships one two three four five".split()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of a few thousand random weights and a tokenizer of a few words."""
    tokenizers: Any = pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("tiny")
    vocabulary = {word: number for number, word in enumerate(["<unk>", "<eos>", *WORDS])}
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", eos_token="<eos>", pad_token="<eos>"
    )
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=256, bos_token_id=1, eos_token_id=None, pad_token_id=1,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


STORY = (Message(role="user", content="tell me a story"),)


def ask(model: TransformersModel, messages: tuple[Message, ...] = STORY, **request: Any) -> Reply:
    """Give the whole reply."""
    return asyncio.run(model.reply(Request(messages=messages, **request)))


def test_conformance_of_transformers(tiny: Path) -> None:
    """Streaming equals not streaming, tokens are counted, a stop text ends the reply, limits and pictures are refused."""
    model = TransformersModel(str(tiny))
    deltas: list[Delta] = []
    whole = ask(model, max_tokens=12)
    streamed = asyncio.run(model.reply(Request(messages=STORY, max_tokens=12), on_delta=deltas.append))

    assert whole == streamed
    assert whole.content == "".join(delta.text for delta in deltas) != ""
    assert whole.usage.output_tokens == 12
    assert whole.usage.input_tokens == 6
    assert whole.finish == "length"
    stop = whole.content.split()[-1]
    cut = ask(model, max_tokens=12, stop=(stop,))
    assert cut.content == whole.content[: whole.content.index(stop)]
    with pytest.raises(ContextOverflow, match="reads 256"):
        ask(model, (Message(role="user", content="sea " * 400),))
    with pytest.raises(ModelError, match="vision=True"):
        ask(model, (Message(role="user", content="look", images=(Image(b"png"),)),))


def test_cancellation_stops_the_writing(tiny: Path) -> None:
    """A cancelled reply ends its thread before it returns, and the next one is answered."""
    model = TransformersModel(str(tiny), max_new_tokens=200)

    async def cancelled() -> Reply:
        begun = asyncio.Event()
        task = asyncio.create_task(model.reply(Request(messages=STORY), on_delta=lambda _: begun.set()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ends = time.monotonic() + 10  # its work is done; the thread itself has a moment more
        while any(thread.name == "codeling-model" for thread in threading.enumerate()) and time.monotonic() < ends:
            await asyncio.sleep(0.01)
        assert not any(thread.name == "codeling-model" for thread in threading.enumerate())
        return await model.reply(Request(messages=STORY, max_tokens=2))

    assert asyncio.run(cancelled()).usage.output_tokens == 2


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    """It is a `ModelError` with the library's words."""
    with pytest.raises(ModelError, match="cannot load"):
        ask(TransformersModel(str(tmp_path)))
