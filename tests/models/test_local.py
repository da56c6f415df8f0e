"""`LocalModel` with real weights in this process."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from codeling import CodeAgent
from codeling.errors import ContextOverflow, ModelError, UnknownName, UsageError
from codeling.events import ModelReplied, PlanMade
from codeling.messages import Delta, Image, Json, Message, Reply, Request
from codeling.models.local import LocalModel

STORY = (Message(role="user", content="Tell me a long story."),)
COLOUR = (Message(role="user", content="Name one colour."),)


@pytest.fixture(scope="module")
def small(gguf: Path) -> LocalModel:
    return LocalModel(path=gguf, context=2048, threads=1)


def ask(one: LocalModel, messages: tuple[Message, ...] = COLOUR, **request: object) -> Reply:
    return asyncio.run(one.reply(Request(messages=messages, **request)))  # type: ignore[arg-type]


def test_conformance_of_local_streaming(small: LocalModel) -> None:
    """A streamed reply is the same text as a whole one; tokens are counted, a repeated prompt is cached."""
    deltas: list[Delta] = []
    whole = ask(small, STORY, max_tokens=16)
    streamed = asyncio.run(small.reply(Request(messages=STORY, max_tokens=16), on_delta=deltas.append))

    assert whole.content == streamed.content == "".join(delta.text for delta in deltas)
    assert len(deltas) > 8
    assert streamed.finish == "length"
    assert streamed.model == "SmolLM2-135M-Instruct.Q4_1"
    assert streamed.usage.output_tokens == 16
    assert streamed.usage.cached_tokens > streamed.usage.input_tokens // 2 > 5


def test_conformance_of_local_bounds(small: LocalModel) -> None:
    """A grammar, a schema and a stop text bind what is written."""
    yes_or_no: Json = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    grammar = 'root ::= "one two three four"'

    assert ask(small, grammar='root ::= "left" | "right"').content in ("left", "right")
    assert "".join(ask(small, schema=yes_or_no).content.split()) in ('{"ok":true}', '{"ok":false}')
    stopped = ask(small, grammar=grammar, stop=("three",))
    assert (stopped.content, stopped.finish) == ("one two ", "stop")


def test_conformance_of_local_cancellation(small: LocalModel) -> None:
    """A cancelled reply stops the engine, and one that waited behind it is answered."""

    async def both() -> tuple[Reply, float]:
        begun = asyncio.Event()
        request = Request(messages=STORY, grammar="root ::= [a-z ]+", max_tokens=1500)
        long = asyncio.create_task(small.reply(request, on_delta=lambda _: begun.set()))
        await begun.wait()
        short = asyncio.create_task(small.reply(Request(messages=COLOUR, max_tokens=2)))
        dropped = asyncio.create_task(small.reply(Request(messages=STORY)))
        await asyncio.sleep(0.05)
        start = time.monotonic()
        dropped.cancel()
        long.cancel()
        done, _ = await asyncio.wait([dropped, long])
        assert all(task.cancelled() for task in done)
        return await short, time.monotonic() - start

    reply, seconds = asyncio.run(both())

    assert reply.usage.output_tokens == 2
    assert seconds < 5


def test_cancelled_while_reading(small: LocalModel) -> None:
    """A reply can be cancelled while the engine is still reading a long prompt."""
    request = Request(messages=(Message(role="user", content="number " * 1800),))

    async def impatient() -> float:
        start = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await small.reply(request)
        return time.monotonic() - start

    # Reading all of it takes some thirty times as long as is waited, and far longer where the machine is busy.
    assert asyncio.run(impatient()) < 20


def test_conformance_of_local_refusals(small: LocalModel) -> None:
    """What the engine cannot do is refused in clear words, and the next reply works."""
    picture = (Message(role="user", content="What is it?", images=(Image(b"png"),)),)
    with pytest.raises(ModelError, match="reads text only"):
        ask(small, picture)
    with pytest.raises(ContextOverflow, match="2048 tokens"):
        ask(small, (Message(role="user", content="word " * 3000),))
    with pytest.raises(ModelError, match="schema"):
        ask(small, schema={"type": "nonsense"})

    assert ask(small, max_tokens=2).usage.output_tokens == 2


def test_programs_are_held_to_a_grammar(gguf: Path) -> None:
    """With `grammar=True` even the smallest model writes a thought and one program; plans are not held to it."""
    model = LocalModel(path=gguf, context=2048, threads=1, max_tokens=80, grammar=True)
    with CodeAgent([], model, max_steps=1, planning_interval=1) as agent:
        result = agent.run("What is the capital of France?", return_full_result=True)
    replies = [event.reply for event in result.events if isinstance(event, ModelReplied)]

    assert replies
    for reply in replies:
        assert re.match(r"([^`\n]+\n){0,4}```python\n[^`\n]", reply.content), reply.content
    plans = [event.plan for event in result.events if isinstance(event, PlanMade)]
    assert not plans[0].startswith("```")


def test_bad_files(tmp_path: Path) -> None:
    """A name nobody knows, a path that is not there and a file that is no model are told apart."""
    junk = tmp_path / "junk.gguf"
    junk.write_bytes(b"junk" * 100)
    with pytest.raises(UnknownName, match="did you mean 'smollm2-135m'"):
        LocalModel("smollm-135m")
    with pytest.raises(UsageError, match="no model file"):
        LocalModel(str(tmp_path / "none.gguf"))
    with pytest.raises(ModelError, match="cannot load"):
        ask(LocalModel(str(junk)))


def test_one_engine(gguf: Path) -> None:
    """Two models of one file share one engine, several loops may use it, and nothing is written to the terminal."""
    code = f"""
import asyncio, time
from codeling.messages import Message, Request
from codeling.models import local
one, two = (local.LocalModel(path={str(gguf)!r}, context=512, threads=1) for _ in range(2))
request = Request(messages=(Message(role="user", content="hi"),), max_tokens=2)
async def both():
    return await asyncio.gather(one.reply(request), two.reply(request))
for _ in range(2):
    print([reply.usage.output_tokens for reply in asyncio.run(both())])
print(len(local._SHARED), one.name)
name = one.name
del one, two
for _ in range(50):  # The engine's thread lets go of it a moment later.
    if local._SHARED:
        time.sleep(0.02)
print(len(local._SHARED))
"""
    run = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )

    assert run.stdout.split("\n")[:4] == ["[2, 2]", "[2, 2]", "1 SmolLM2-135M-Instruct.Q4_1", "0"]
    assert run.stderr == ""
    assert run.returncode == 0


def test_exit_while_writing(gguf: Path) -> None:
    """A process that is interrupted in the middle of a reply ends at once and in order."""
    code = f"""
import asyncio, os, signal
from codeling.messages import Message, Request
from codeling.models.local import LocalModel
model = LocalModel(path={str(gguf)!r}, context=2048, threads=1)
talk = (Message(role="user", content="Tell me a story."),)
request = Request(messages=talk, grammar="root ::= [a-z ]+", max_tokens=1500)
try:
    asyncio.run(model.reply(request, on_delta=lambda _: os.kill(os.getpid(), signal.SIGINT)))
except KeyboardInterrupt:
    print("interrupted")
"""
    start = time.monotonic()
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert (run.stdout, run.stderr, run.returncode) == ("interrupted\n", "", 0)
    assert time.monotonic() - start < 30  # writing all of it would take minutes
