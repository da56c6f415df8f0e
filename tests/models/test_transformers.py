"""`TransformersModel` with real PyTorch: tiny models with random weights, made and saved here, and real ones of GGUF."""

from __future__ import annotations

import asyncio
import io
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from codeling import CodeAgent, ToolCallingAgent, tool
from codeling.errors import ContextOverflow, MissingDependency, ModelError
from codeling.events import Event
from codeling.messages import Delta, Image, Message, Reply, Request
from codeling.models.transformers import TransformersModel

from . import tiny

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
def tiny_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
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


@tool
def look() -> str:
    """Look."""
    return "rain"


STORY = (Message(role="user", content="tell me a story"),)


def ask(model: TransformersModel, messages: tuple[Message, ...] = STORY, **request: Any) -> Reply:
    """Give the whole reply."""
    return asyncio.run(model.reply(Request(messages=messages, **request)))


def test_conformance_of_transformers(tiny_text: Path) -> None:
    """Streaming equals not streaming, tokens are counted, a stop text ends the reply, limits and pictures are refused."""
    model = TransformersModel(str(tiny_text))
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


def test_cancellation_stops_the_writing(tiny_text: Path) -> None:
    """A cancelled reply ends its thread before it returns, and the next one is answered."""
    model = TransformersModel(str(tiny_text), max_new_tokens=200)

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


def test_conformance_of_transformers_with_pictures(tmp_path: Path) -> None:
    """A real LLaVA of random weights writes by what it is shown: its processor and its eye are run, streamed or not."""
    import PIL.Image

    def shown(*colours: str) -> tuple[Message, ...]:
        images = []
        for colour in colours:
            buffer = io.BytesIO()
            PIL.Image.new("RGB", (40, 30), colour).save(buffer, "PNG")
            images.append(Image(buffer.getvalue()))
        return (Message(role="user", content="What do you see?", images=tuple(images)),)

    model = TransformersModel(str(tiny.seeing(tmp_path)), vision=True, max_new_tokens=12)
    deltas: list[Delta] = []
    red = ask(model, shown("red"))
    streamed = asyncio.run(model.reply(Request(messages=shown("red")), on_delta=deltas.append))
    blue, both, none = ask(model, shown("blue")), ask(model, shown("red", "blue")), ask(model, shown())

    assert model.reads_images
    assert red == streamed
    assert red.content == "".join(delta.text for delta in deltas)
    assert len({red.content, blue.content, none.content}) == 3
    assert [reply.usage.input_tokens - none.usage.input_tokens for reply in (red, both)] == [4, 8]
    with CodeAgent([], model, max_steps=1) as agent:
        agent.run("Look.", images=[shown("red")[0].images[0]])
    with pytest.raises(ModelError, match="cannot be read"):
        ask(model, (Message(role="user", content="look", images=(Image(b"no picture"),)),))


@pytest.mark.timeout(600)
def test_conformance_of_transformers_with_a_gguf_file(gguf: Path) -> None:
    """A GGUF file of real weights is loaded by transformers, answers and streams."""
    for library in ("gguf", "accelerate"):
        pytest.importorskip(library, reason=f"transformers reads GGUF files with it: pip install {library}")
    model = TransformersModel(str(gguf.parent), model_kwargs={"gguf_file": gguf.name})
    deltas: list[Delta] = []
    question = (Message(role="user", content="What is the capital of France?"),)
    reply = asyncio.run(model.reply(Request(messages=question, max_tokens=12), on_delta=deltas.append))

    assert "Paris" in reply.content
    assert "".join(delta.text for delta in deltas) == reply.content
    assert reply.finish == "stop"
    assert not model.calls_natively


def test_tools_are_told_in_the_way_of_the_template(tiny_text: Path, tmp_path: Path) -> None:
    """A template that knows tools is given them; for one that would leave them out, they are shown in the talk."""
    assert TransformersModel(str(tiny_text)).calls_natively
    plain = TransformersModel(str(tiny.writing(tmp_path)), max_new_tokens=4)
    seen: list[Event] = []
    with ToolCallingAgent([look], plain, max_steps=1, observers=[seen.append]) as agent:
        agent.run("Look.")

    assert not plain.calls_natively
    assert not TransformersModel(str(tiny_text), calls_natively=False).calls_natively


def test_a_library_that_a_model_needs_is_named(tmp_path: Path) -> None:
    """Where the model's own files, or their kind, need what is not here, it is said what, and not by an error of Python's."""
    (tmp_path / "config.json").write_text('{"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}')
    (tmp_path / "own.py").write_text("import no_such_library\n\n\nclass Own:\n    pass\n")
    with pytest.raises(MissingDependency, match=r"without more: .*no_such_library"):
        ask(TransformersModel(str(tmp_path), trust_remote_code=True))


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    """It is a `ModelError` with the library's words."""
    with pytest.raises(ModelError, match="cannot load"):
        ask(TransformersModel(str(tmp_path)))
