"""`OpenAIModel` with the real library, against a real llama.cpp server and one that misbehaves on demand."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from codeling import CodeAgent, ToolCallingAgent
from codeling.errors import ContextOverflow, ModelAccessDenied, ModelError, UsageError
from codeling.messages import Audio, Delta, Image, Json, Message, Reply, Request, ToolCall, ToolSchema
from codeling.models.answer import UNREADABLE
from codeling.models.anthropic import AnthropicModel
from codeling.models.openai import OpenAIModel

from .loopback import KEY, Loopback, Step, fails, says, streams

ASK = (Message(role="user", content="Name one colour."),)
CITY: Json = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = ToolSchema(name="weather", description="The weather of a city.", parameters=CITY)


def model(server: Loopback | str, **options: Any) -> OpenAIModel:
    base = server if isinstance(server, str) else server.url
    return OpenAIModel("m", api_base=base, api_key=KEY, **options)


def ask(one: OpenAIModel, messages: tuple[Message, ...] = ASK, **request: Any) -> Reply:
    return asyncio.run(one.reply(Request(messages=messages, **request)))


def stream(one: OpenAIModel, messages: tuple[Message, ...] = ASK, **request: Any) -> tuple[Reply, list[Delta]]:
    deltas: list[Delta] = []
    return asyncio.run(one.reply(Request(messages=messages, **request), on_delta=deltas.append)), deltas


# A real server


def test_streaming_equals_not_streaming(llama: str) -> None:
    """A real server's streamed reply is the same text as its whole one, and both report their tokens."""
    one = model(llama, temperature=0, seed=1)
    story = (Message(role="user", content="Tell me a long story."),)
    whole = ask(one, story, max_tokens=16)
    streamed, deltas = stream(one, story, max_tokens=16)

    assert whole.content == streamed.content == "".join(delta.text for delta in deltas)
    assert len(deltas) > 3
    assert whole.finish == streamed.finish == "length"
    assert whole.usage.output_tokens == streamed.usage.output_tokens == 16
    assert whole.usage.input_tokens == streamed.usage.input_tokens > 10
    assert streamed.usage.cached_tokens > 0


def test_real_schema_and_grammar(llama: str) -> None:
    """A schema and, where it is asked for, a grammar bind what a real server's model writes."""
    yes_or_no: Json = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    shaped = ask(model(llama, temperature=0), schema=yes_or_no, max_tokens=30)
    bound = ask(model(llama, temperature=0, grammar=True), grammar='root ::= "left" | "right"', max_tokens=8)
    free = ask(model(llama, temperature=0), grammar='root ::= "left" | "right"', max_tokens=8)

    assert "".join(shaped.content.split()) in ('{"ok":true}', '{"ok":false}')
    assert bound.content in ("left", "right")
    assert free.content not in ("left", "right")


def test_real_stop(llama: str) -> None:
    """A real server's reply ends before the stop text, streamed or not."""
    count = (Message(role="user", content="Repeat exactly: one two three four"),)
    grammar = 'root ::= "one two three four"'
    one = model(llama, temperature=0, grammar=True)
    whole = ask(one, count, stop=("three",), grammar=grammar, max_tokens=12)
    streamed, _ = stream(one, count, stop=("three",), grammar=grammar, max_tokens=12)

    assert whole.content == streamed.content == "one two "
    assert whole.finish == streamed.finish == "stop"


def test_real_refusals(llama: str) -> None:
    """A real server's refusal of the key and of an overlong conversation are typed errors with its own words."""
    with pytest.raises(ModelAccessDenied, match=r"Invalid API Key.*OPENAI_API_KEY") as wrong_key:
        ask(OpenAIModel("m", api_base=llama, api_key="sk-wrong-key-000"))
    with pytest.raises(ContextOverflow, match=r"2048 tokens"):
        ask(model(llama), (Message(role="user", content="word " * 3000),))

    assert "wrong-key" not in str(wrong_key.value)


def test_only_model(llama: str, loopback: Loopback) -> None:
    """Without a model's name the server's only model is taken; where it has several they are named."""
    loopback.models = ["b", "a"]
    one = OpenAIModel(api_base=llama, api_key=KEY)
    ask(one, max_tokens=1)

    assert one.name == "smollm2"
    with pytest.raises(UsageError, match="one of a, b"):
        ask(OpenAIModel(api_base=loopback.url))


def test_cancelled_stream(llama: str) -> None:
    """A cancelled reply ends at once, and the server is free for the next."""
    one = model(llama, temperature=0, logit_bias=[[2, False]], ignore_eos=True)

    async def story() -> float:
        begun = asyncio.Event()
        request = Request(messages=(Message(role="user", content="Tell a story."),), max_tokens=1500)
        task = asyncio.create_task(one.reply(request, on_delta=lambda _: begun.set()))
        await begun.wait()
        start = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await one.reply(Request(messages=ASK, max_tokens=2))
        return time.monotonic() - start

    assert asyncio.run(story()) < 5


def test_quiet_loops(loopback: Loopback) -> None:
    """One model serves several event loops and threads, and no loop's end leaves a warning."""
    code = f"""
import asyncio, gc
from codeling.messages import Message, Request
from codeling.models.openai import OpenAIModel
model = OpenAIModel("m", api_base={loopback.url!r}, api_key="k")
request = Request(messages=(Message(role="user", content="hi"),))
async def twice():
    asyncio.get_running_loop().slow_callback_duration = 60  # another program may have the machine
    return await asyncio.gather(model.reply(request), model.reply(request, on_delta=lambda _: None))
for _ in range(2):
    print([reply.content for reply in asyncio.run(twice())])
gc.collect()
"""

    def either(http: Any) -> None:
        (streams({"content": "hello"}) if loopback.asked[-1].get("stream") else says("hello"))(http)

    loopback.steps = [either]
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert run.stderr == ""
    assert run.stdout.split("\n")[:2] == ["['hello', 'hello']"] * 2


# What is sent and what is read


def test_conversation_on_the_wire(loopback: Loopback) -> None:
    """Calls keep their ids, pictures become data URLs, and what a tool showed follows its turn's results."""
    loopback.steps = [says("ok")]
    call = ToolCall(id="call-1", name="weather", kwargs={"city": "Köln"})
    extra = {"reasoning_details": [{"data": "x"}], "other": 1}
    talk = (
        Message(role="system", content="Be brief."),
        Message(role="user", content="Look", images=(Image(b"png"),), audio=(Audio(b"wav"),)),
        Message(role="assistant", content="", calls=(call,), reasoning="private", extra=extra),
        Message(role="tool", content="rain", call_id="call-1", images=(Image(b"gif", "image/gif"),)),
        Message(role="user", content="And?"),
    )
    ask(model(loopback), talk, tools=(WEATHER,), stop=("END", "", "a", "b", "c", "d"), max_tokens=9)
    sent = loopback.asked[0]
    roles = [message["role"] for message in sent["messages"]]
    look = sent["messages"][1]["content"]

    assert roles == ["system", "user", "assistant", "tool", "user", "user"]
    assert look[1]["image_url"]["url"] == "data:image/png;base64,cG5n"
    assert look[2]["input_audio"] == {"data": "d2F2", "format": "wav"}
    assert sent["messages"][2] == {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "call-1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Köln"}'}}
        ],
        "reasoning_details": [{"data": "x"}],
    }
    assert sent["messages"][3] == {"role": "tool", "tool_call_id": "call-1", "content": "rain"}
    assert sent["messages"][4]["content"][0]["image_url"]["url"].startswith("data:image/gif")
    assert sent["tools"][0]["function"]["name"] == "weather"
    assert sent["stop"] == ["END", "a", "b", "c"]
    assert sent["max_tokens"] == 9
    assert loopback.headers[0]["authorization"] == f"Bearer {KEY}"


def test_usage_and_reasoning(loopback: Loopback) -> None:
    """Cached and reasoning tokens are counted, and what the model thought is kept beside what it said."""
    loopback.steps = [says("42", reasoning_content="six times seven"), streams({"reasoning": "six"}, {"content": "42"})]
    whole = ask(model(loopback))
    streamed, deltas = stream(model(loopback))

    assert (whole.content, whole.reasoning, whole.model) == ("42", "six times seven", "served")
    assert (whole.usage.input_tokens, whole.usage.output_tokens) == (11, 7)
    assert (whole.usage.cached_tokens, whole.usage.reasoning_tokens) == (5, 3)
    assert streamed.reasoning == "six"
    assert [(delta.kind, delta.text) for delta in deltas] == [("reasoning", "six"), ("text", "42")]


def test_calls_in_pieces(loopback: Loopback) -> None:
    """Calls that are streamed in pieces, side by side or without an index, come out whole and each with its own id."""

    def piece(index: int | None, arguments: str, **more: object) -> dict[str, Any]:
        name = {"name": more.pop("name")} if "name" in more else {}
        position = {} if index is None else {"index": index}
        return {"tool_calls": [{**position, **more, "function": {**name, "arguments": arguments}}]}

    loopback.steps = [
        streams(
            piece(0, "", id="a", name="weather"),
            piece(0, '{"city": '),
            piece(1, '{"city": "Rom"}', id="b", name="weather"),
            piece(0, '"Oslo"}'),
            finish="tool_calls",
        ),
        streams(piece(None, '{"city": "Oslo"}', name="weather"), piece(None, "{'city': 'Rom'}", name="weather")),
    ]
    one = model(loopback)
    told, deltas = stream(one, tools=(WEATHER,))
    nameless, _ = stream(one, tools=(WEATHER,))

    assert [(call.id, call.kwargs) for call in told.calls] == [("a", {"city": "Oslo"}), ("b", {"city": "Rom"})]
    assert [call.kwargs for call in nameless.calls] == [{"city": "Oslo"}, {"city": "Rom"}]
    assert len({call.id for call in nameless.calls} | {""}) == 3
    assert told.finish == nameless.finish == "calls"
    assert [delta.text for delta in deltas if delta.kind == "call"][:2] == ["weather", '{"city": ']


def test_odd_calls(loopback: Loopback) -> None:
    """Ids that were used before are replaced, and arguments that are no object are kept for the model to correct."""

    def call(arguments: object) -> dict[str, Any]:
        return {"id": "old", "type": "function", "function": {"name": "weather", "arguments": arguments}}

    loopback.steps = [
        says(None, finish="tool_calls", tool_calls=[call('"{\\"city\\": \\"Bonn\\"}"'), call(""), call("{oops")])
    ]
    before = Message(role="assistant", content="", calls=(ToolCall(id="old", name="weather"),))
    reply = ask(model(loopback), (*ASK, before), tools=(WEATHER,))

    assert [call.kwargs for call in reply.calls] == [{"city": "Bonn"}, {}, {UNREADABLE: "{oops"}]
    assert len({call.id for call in reply.calls} | {"old"}) == 4


def test_finish(loopback: Loopback) -> None:
    """Why a reply ended is told in our words, whatever the server's are."""
    loopback.steps = [says(finish="length"), says("no", finish="content_filter"), says(None, refusal="I will not")]
    one = model(loopback)
    cut, filtered, refused = ask(one), ask(one), ask(one)

    assert [cut.finish, filtered.finish, refused.finish] == ["length", "refused", "refused"]
    assert refused.content == "I will not"


def test_parameters(loopback: Loopback) -> None:
    """Whatever else is given goes into the request, and what concerns tools only with tools."""
    loopback.steps = [says()]
    one = model(
        loopback, temperature=0.5, top_k=3, tool_choice="required", extra_body={"own": 1}, extra_headers={"X-A": "b"}
    )
    ask(one)
    ask(one, tools=(WEATHER,))

    assert loopback.asked[0].items() >= {"temperature": 0.5, "top_k": 3, "own": 1, "model": "m"}.items()
    assert "tool_choice" not in loopback.asked[0]
    assert loopback.asked[1]["tool_choice"] == "required"
    assert loopback.headers[0]["x-a"] == "b"


# Learning what a server takes


def test_stop_refused(loopback: Loopback) -> None:
    """A server that refuses stop texts is asked without them from then on, and the reply is cut here."""
    refusal, answer = fails(400, "Unsupported parameter: 'stop'", param="stop"), says("before END after")
    loopback.steps = [lambda http: (refusal if "stop" in loopback.asked[-1] else answer)(http)]
    one = model(loopback)
    first, second = ask(one, stop=("END",)), ask(one, stop=("END",))

    assert first.content == second.content == "before "
    assert [("stop" in body) for body in loopback.asked] == [True, False, False]


def test_stop_across_pieces(loopback: Loopback) -> None:
    """A stop text that falls into several pieces ends a stream before it, and no part of it is shown."""
    loopback.steps = [
        streams({"content": "a<"}, {"content": "b</co"}, {"content": "de>"}, {"content": "never"}, cut=True)
    ]
    reply, deltas = stream(model(loopback), stop=("</code>",))

    assert reply.content == "a<b" == "".join(delta.text for delta in deltas)
    assert reply.finish == "stop"
    assert reply.usage.output_tokens > 0


def test_other_refusals(loopback: Loopback) -> None:
    """Refused stream options, token limits and schemas are left out or renamed; any other refusal is raised."""
    loopback.steps = [
        fails(422, "extra fields not permitted: stream_options"),
        fails(400, "Use 'max_completion_tokens' instead of 'max_tokens'"),
        fails(400, "response_format is not supported by this model"),
        streams({"content": "done"}),
    ]
    one = model(loopback)
    reply, _ = stream(one, schema=CITY, max_tokens=5)
    stream(one, max_tokens=6)
    loopback.steps = [fails(400, "Invalid schema for response_format: no type")]

    assert reply.content == "done"
    assert loopback.asked[3].keys() == {"messages", "model", "stream", "max_completion_tokens"}
    assert loopback.asked[4]["max_completion_tokens"] == 6
    with pytest.raises(ModelError, match="Invalid schema"):
        ask(OpenAIModel("m", api_base=loopback.url), schema=CITY)


# Failures


def test_passing_failures(loopback: Loopback) -> None:
    """A reply survives one failure of each kind that may pass, and waits as long as the server asks."""
    loopback.steps = [
        fails(429, "slow down", headers={"Retry-After": "0.4"}),
        streams({"content": "half of"}, cut=True),
        lambda http: http.answer(b"<html>busy</html>", headers={"Content-Type": "text/html"}),
        says("at last"),
    ]
    start = time.monotonic()
    reply = ask(model(loopback))
    waited = time.monotonic() - start

    assert reply.content == "at last"
    assert 0.4 < waited < 6


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_what_is_worth_another_try(loopback: Loopback, status: int) -> None:
    """These statuses may pass, and are tried again; streamed or not."""
    loopback.steps = [
        fails(status, headers={"Retry-After": "0"}),
        says("well"),
        fails(status),
        streams({"content": "so"}),
    ]

    assert ask(model(loopback)).content == "well"
    assert stream(model(loopback))[0].content == "so"


def test_words_without_an_object(loopback: Loopback) -> None:
    """A server that gives its words alone is heard all the same."""
    loopback.steps = [lambda http: http.answer({"error": "Only 'text' content is supported."}, status=404)]
    with pytest.raises(ModelError, match=r"Only 'text' content is supported.*use a model that reads pictures"):
        ask(model(loopback))


@pytest.mark.parametrize(
    "words", ['"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
              "registry.ollama.ai/library/m does not support tools", "tool calling is not supported for this model"],
)  # fmt: skip
def test_a_model_that_takes_no_tools(loopback: Loopback, words: str) -> None:
    """A server that refuses tools is told apart from other bad requests, with what to pass."""
    loopback.steps = [fails(400, words)]
    with pytest.raises(ModelError, match="pass calls_natively=False") as raised:
        ask(model(loopback))
    assert words in str(raised.value)
    assert len(loopback.asked) == 1


@pytest.mark.parametrize(
    "step",
    [
        streams({"content": "half"}, cut=True),
        streams({"content": "half"}, '{"error": {"message": "overloaded"}}'),
        streams({"content": "half"}, "{no json"),
        streams({"content": "half"}, finish=None),
    ],
)
def test_broken_streams(loopback: Loopback, step: Step) -> None:
    """A stream that breaks in the middle, however it breaks, is begun anew and its first half forgotten."""
    loopback.steps = [step, streams({"content": "the whole"})]
    reply, deltas = stream(model(loopback))

    assert reply.content == "the whole"
    assert [delta.text for delta in deltas] == ["half", "the whole"]


@pytest.mark.parametrize(
    "step",
    [
        fails(500, "kaput"),
        lambda http: http.answer(b'{"choices": [', status=200),
        lambda http: http.answer({"choices": [], "kaput": 1}),
        lambda http: http.answer({"choices": [{"index": 0}]}),
    ],
)
def test_failing_for_ever(loopback: Loopback, step: Step) -> None:
    """What never gets better ends within seconds as a ModelError that says how often was tried."""
    loopback.steps = [step]
    start = time.monotonic()
    with pytest.raises(ModelError, match=r"tried 2 times"):
        ask(model(loopback, client_kwargs={"max_retries": 1}))

    assert len(loopback.asked) == 2
    assert time.monotonic() - start < 3


def test_hopeless_failures(loopback: Loopback) -> None:
    """What another try cannot mend is raised at once, with the vendor's words, the remedy and no key."""
    one = model(loopback)
    cases: list[tuple[Step, type[ModelError], str]] = [
        (fails(401, f"Incorrect API key provided: {KEY}."), ModelAccessDenied, "Incorrect API key.*OPENAI_API_KEY"),
        (fails(404, "The model `m` does not exist"), ModelError, "does not exist.*check the model"),
        (fails(400, "too long", code="context_length_exceeded"), ContextOverflow, "too long.*shorten"),
        (fails(429, "quota", code="insufficient_quota"), ModelError, "quota"),
        (fails(429, "later", headers={"Retry-After": "3600"}), ModelError, "asks to wait 3600 s"),
    ]
    for step, error, words in cases:
        loopback.steps = [step]
        with pytest.raises(error, match=words) as raised:
            ask(one)
        assert KEY not in str(raised.value)
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__

    assert len(loopback.asked) == len(cases)


def test_unreachable_server() -> None:
    """A server that is not there is a ModelError with its reason."""
    with pytest.raises(ModelError, match="Connection error"):
        ask(OpenAIModel("m", api_base="http://127.0.0.1:9/v1", client_kwargs={"max_retries": 0}))


def test_timeout(loopback: Loopback) -> None:
    """A server that does not answer in time is a ModelError."""
    loopback.steps = [lambda http: time.sleep(0.6)]
    with pytest.raises(ModelError, match="timed out"):
        ask(model(loopback, client_kwargs={"max_retries": 0, "timeout": 0.2}))


def test_cancelled_pause(loopback: Loopback) -> None:
    """A reply that is waiting for its next try can be cancelled too."""
    loopback.steps = [fails(429, headers={"Retry-After": "20"})]

    async def impatient() -> None:
        async with asyncio.timeout(0.5):
            await model(loopback).reply(Request(messages=ASK))

    with pytest.raises(TimeoutError):
        asyncio.run(impatient())
    assert len(loopback.asked) == 1


def test_no_key() -> None:
    """Without any key the first reply, and not the model's making, says which variable to set."""
    code = """
import asyncio
from codeling.errors import ModelAccessDenied
from codeling.messages import Message, Request
from codeling.models.openai import OpenAIModel
try:
    asyncio.run(OpenAIModel("gpt-5").reply(Request(messages=(Message(role="user", content="hi"),))))
except ModelAccessDenied as error:
    print(error)
"""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=bare, timeout=30, check=False
    )

    assert "OPENAI_API_KEY" in run.stdout
    assert run.stderr == ""


def test_a_requests_temperature_stands_in_for_one_that_was_set(loopback: Loopback) -> None:
    """Where the model has none of its own, none is sent: some refuse it, and the others have chance already."""
    loopback.steps = [says("yes")]
    ask(model(loopback, temperature=0.0), temperature=0.7)
    ask(model(loopback), temperature=0.7)

    assert [body.get("temperature") for body in loopback.asked] == [0.7, None]


def test_an_agents_model_hears(loopback: Loopback, tmp_path: Path) -> None:
    """Sound of a task, as a file, bytes or `Audio`, goes to the model, is in the journal, and is refused where none hears."""
    (tmp_path / "call.wav").write_bytes(b"RIFF a wav")
    loopback.steps = [says("```python\nfinal_answer('hello')\n```")]
    sounds = [tmp_path / "call.wav", b"ID3 an mp3", Audio(b"a flac", "audio/flac")]
    journal = str(tmp_path / "runs.db")
    agent = CodeAgent([], model(loopback), journal=journal)

    assert agent.run("What is said?", audio=sounds, run_id="heard") == "hello"
    parts = loopback.asked[-1]["messages"][-1]["content"]
    heard = [part["input_audio"]["format"] for part in parts if part["type"] == "input_audio"]
    assert heard == ["wav", "mp3", "flac"]
    assert agent.resume("heard") == "hello"
    with pytest.raises(ModelError, match="takes no sound"):
        CodeAgent([], AnthropicModel("m", api_key=KEY, api_base=loopback.url)).run("Hear.", audio=sounds)
    with pytest.raises(UsageError, match="a sound is Audio"):
        agent.run("Hear.", audio=[b"nothing of the kind"])


def test_calls_that_cannot_be_read_are_not_made(loopback: Loopback) -> None:
    """Neither a tool that takes anything is called nor is half an answer taken; the model is told what it wrote."""
    made: list[Any] = []

    def note(**fields: str) -> str:
        """Note down."""
        made.append(fields)
        return "noted"

    def calls(*given: tuple[str, str]) -> Step:
        parts = [
            {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for number, (name, arguments) in enumerate(given)
        ]
        return says(None, finish="tool_calls", tool_calls=parts)

    loopback.steps = [
        calls(("note", '{"a": "x'), ("note", '{"b": "y"}')),
        calls(("final_answer", '{"answer": "he said "no"')),
        calls(("final_answer", '{"answer": "whole"}')),
    ]

    assert ToolCallingAgent([note], model(loopback)).run("Go.") == "whole"
    assert made == [{"b": "y"}]
    told = [message["content"] for message in loopback.asked[-1]["messages"] if message["role"] == "tool"]
    assert 'no JSON object but \'{"a": "x\'' in told[0]
    assert told[1] == "noted"
    assert "he said" in told[2]
