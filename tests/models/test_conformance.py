"""What every adapter must do, whoever's library and dialect is behind it; `adapters.py` has the list.

Here the vendors' libraries are real and the servers' side is recorded; `test_real_servers.py` holds what
real servers and weights can show.
"""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
import warnings
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from codeling import CodeAgent
from codeling.errors import ContextOverflow, ModelAccessDenied, ModelError
from codeling.messages import Audio, Delta, Image, Json, Message, Reply, Request, ToolCall, ToolSchema
from codeling.models.answer import UNREADABLE

from .adapters import RECORDED, Entry
from .loopback import KEY, Handler, Loopback
from .wires import Chat, Said, Trouble

pytestmark = [  # of litellm's own types
    pytest.mark.filterwarnings("ignore:Items? .* on TypedDict:UserWarning"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),
]
ASK = (Message(role="user", content="Hello?"),)
CITY: Json = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = ToolSchema(name="weather", description="The weather of a city.", parameters=CITY)
TWO = (("call_a", "weather", '{"city": "Oslo"}'), ("call_b", "weather", '{"city": "Rom"}'))


@pytest.fixture(params=RECORDED, ids=str)
def entry(request: pytest.FixtureRequest) -> Entry:
    """One adapter after the other."""
    param: Entry = request.param
    return param


def ask(model: Any, messages: tuple[Message, ...] = ASK, **request: Any) -> Reply:
    """Give the whole reply."""
    reply: Reply = asyncio.run(model.reply(Request(messages=messages, **request)))
    return reply


def stream(model: Any, messages: tuple[Message, ...] = ASK, **request: Any) -> tuple[Reply, list[Delta]]:
    """Give the streamed reply and its pieces."""
    deltas: list[Delta] = []
    return asyncio.run(model.reply(Request(messages=messages, **request), on_delta=deltas.append)), deltas


def text(deltas: list[Delta], kind: str = "text") -> str:
    """Join the pieces of a kind."""
    return "".join(delta.text for delta in deltas if delta.kind == kind)


def sent(server: Loopback, number: int = -1) -> str:
    """Give a request's body as text."""
    return json.dumps(server.asked[number], ensure_ascii=False)


def test_streaming_equals_not_streaming(entry: Entry, loopback: Loopback) -> None:
    """A streamed reply is the same as a whole one: text, thoughts, tokens, end."""
    loopback.steps = [entry.wire.says(Said(text=("Hel", "lo ", "yöu"), thought="I greet."))]
    model = entry.make(loopback.url)
    whole, (streamed, deltas) = ask(model), stream(model)

    assert whole == replace(streamed, model=whole.model)
    assert (whole.content, whole.reasoning, whole.finish) == ("Hello yöu", "I greet.", "stop")
    assert (text(deltas), text(deltas, "reasoning")) == ("Hello yöu", "I greet.")


def test_usage(entry: Entry, loopback: Loopback) -> None:
    """Tokens are counted, and how many of them were cached and thought where the provider says so."""
    loopback.steps = [entry.wire.says(Said())]
    usage = ask(entry.make(loopback.url)).usage

    assert (usage.input_tokens, usage.output_tokens) == (11, 7)
    assert usage.cached_tokens == (5 if entry.wire.counts_cached else 0)
    assert usage.reasoning_tokens == (3 if entry.wire.counts_thoughts else 0)
    assert usage.cost == 0


def test_calls_keep_their_ids(entry: Entry, loopback: Loopback) -> None:
    """Several calls come out whole, streamed or not, and go back with their results under the same ids."""
    loopback.steps = [entry.wire.says(Said(text=("",), calls=TWO, finish="calls"))]
    model = entry.make(loopback.url)
    whole, (streamed, deltas) = ask(model, tools=(WEATHER,)), stream(model, tools=(WEATHER,))

    for reply in (whole, streamed):
        assert [(call.name, call.kwargs) for call in reply.calls] == [
            ("weather", {"city": "Oslo"}),
            ("weather", {"city": "Rom"}),
        ]
        assert reply.finish == "calls"
        assert len({call.id for call in reply.calls} | {""}) == 3
        assert not entry.wire.names_calls or [call.id for call in reply.calls] == ["call_a", "call_b"]
    assert "weather" in text(deltas, "call")
    assert "The weather of a city." in sent(loopback)
    results = [Message(role="tool", content=f"rain {n}", call_id=call.id) for n, call in enumerate(whole.calls)]
    ask(model, (*ASK, Message(role="assistant", content="", calls=whole.calls), *results), tools=(WEATHER,))
    assert "rain 0" in sent(loopback)
    assert "rain 1" in sent(loopback)
    assert not entry.wire.names_calls or sent(loopback).count("call_a") == 2


def test_odd_calls(entry: Entry, loopback: Loopback) -> None:
    """Two calls under one id are two, and arguments that are no JSON are kept for the model to correct."""
    twice = Said(text=("",), calls=(TWO[0], ("call_a", "weather", '{"city": "Rom"}')), finish="calls")
    bad = Said(text=("",), calls=(("call_a", "weather", "{oops, no"),), finish="calls")
    loopback.steps = [entry.wire.says(twice), entry.wire.says(bad)]
    model = entry.make(loopback.url)
    (two, _), (unreadable, _) = stream(model, tools=(WEATHER,)), stream(model, tools=(WEATHER,))

    assert [call.kwargs for call in two.calls] == [{"city": "Oslo"}, {"city": "Rom"}]
    assert len({call.id for call in two.calls}) == 2
    # Where arguments are objects on the wire, they cannot be anything else.
    assert unreadable.calls[0].kwargs in ({UNREADABLE: "{oops, no"}, {})


def test_thoughts_go_back(entry: Entry, loopback: Loopback) -> None:
    """What a provider signs is kept with the message and returned to it, and to nobody else."""
    loopback.steps = [entry.wire.says(Said(text=("",), thought="I look.", calls=TWO[:1], finish="calls"))]
    model = entry.make(loopback.url)
    first, (streamed, _) = ask(model, tools=(WEATHER,)), stream(model, tools=(WEATHER,))
    extra = dict(first.extra) | {"of_another": [{"signature": "never"}]}
    said = Message(role="assistant", content="", calls=first.calls, reasoning=first.reasoning, extra=extra)
    result = Message(role="tool", content="rain", call_id=first.calls[0].id)
    ask(model, (*ASK, said, result), tools=(WEATHER,))

    assert first.extra == streamed.extra
    assert list(first.extra) == ([entry.wire.keeps] if entry.wire.keeps else [])
    assert any(seal in sent(loopback) for seal in ("c2ln", "c2VjcmV0")) == bool(entry.wire.keeps)
    assert "never" not in sent(loopback)


def test_thoughts_that_the_server_insists_on(entry: Entry, loopback: Loopback) -> None:
    """A server that refuses calls without what was thought before them gets it back, from then on at once."""
    if type(entry.wire) is not Chat:
        pytest.skip("in this dialect thoughts are signed, or go back always")
    refuses = entry.wire.fails(Trouble(kind="missing"))
    says = entry.wire.says(Said(text=("",), thought="I look.", calls=TWO[:1], finish="calls"))
    loopback.steps = [says, lambda http: (says if "I look." in sent(loopback) else refuses)(http)]
    model = entry.make(loopback.url)
    first = ask(model, tools=(WEATHER,))
    said = Message(role="assistant", content="", calls=first.calls, reasoning=first.reasoning)
    talk = (*ASK, said, Message(role="tool", content="rain", call_id=first.calls[0].id))
    for _ in range(2):
        ask(model, talk, tools=(WEATHER,))

    assert ["I look." in sent(loopback, n) for n in range(4)] == [False, False, True, True]


def test_pictures_and_sound(entry: Entry, loopback: Loopback) -> None:
    """They are sent as they are, or refused in clear words before anything is sent."""
    picture, sound = Image(b"a picture's bytes"), Audio(b"a sound's bytes")
    loopback.steps = [entry.wire.says(Said())]
    ask(entry.make(loopback.url), (Message(role="user", content="Look.", images=(picture,)),))
    assert b64encode(picture.data).decode() in sent(loopback)
    blind = entry.make(loopback.url, reads_images=False)
    assert getattr(blind, "reads_images", True) is False
    with pytest.raises(ModelError, match="does not read pictures"):
        ask(blind, (Message(role="user", content="Look.", images=(picture,)),))
    assert len(loopback.asked) == 1
    heard = (Message(role="user", content="Listen.", audio=(sound,)),)
    if getattr(blind, "hears", False):
        ask(blind, heard)
        assert b64encode(sound.data).decode() in sent(loopback)
    else:
        with pytest.raises(ModelError, match="takes no sound"):
            ask(blind, heard)


def test_pictures_that_the_server_refuses(entry: Entry, loopback: Loopback) -> None:
    """A server whose model cannot see is not asked again, and its words come with what to do."""
    loopback.steps = [entry.wire.fails(Trouble(kind="blind"))]
    with pytest.raises(ModelError, match="use a model that reads pictures"):
        ask(entry.make(loopback.url), (Message(role="user", content="Look.", images=(Image(b"png"),)),))
    assert len(loopback.asked) == 1


def test_stop(entry: Entry, loopback: Loopback) -> None:
    """A reply ends before its stop text, also where the server writes past it; where it may be sent, it is."""
    loopback.steps = [entry.wire.says(Said(text=("a <", "b</co", "de> never", " more")))]
    model = entry.make(loopback.url)
    whole, (streamed, deltas) = ask(model, stop=("</code>",)), stream(model, stop=("</code>",))

    assert whole.content == streamed.content == text(deltas) == "a <b"
    assert whole.finish == streamed.finish == "stop"
    assert ("</code>" in sent(loopback)) == (entry.wire.stop is not None)


def test_stop_that_the_server_refuses(entry: Entry, loopback: Loopback) -> None:
    """A server that takes no stop texts is asked without them from then on."""
    if entry.wire.stop is None or entry.name in ("ollama", "google"):
        pytest.skip("this dialect has none, or every server of it takes them")
    refuses, says = entry.wire.fails(Trouble(kind="stop")), entry.wire.says(Said(text=("a", "</x>b")))
    loopback.steps = [lambda http: (refuses if "</x>" in sent(loopback) else says)(http)]
    model = entry.make(loopback.url)

    assert [ask(model, stop=("</x>",)).content for _ in range(2)] == ["a", "a"]
    assert ["</x>" in sent(loopback, n) for n in range(len(loopback.asked))] == [True, False, False]


def test_schema(entry: Entry, loopback: Loopback) -> None:
    """A schema for the reply is sent in the vendor's way."""
    loopback.steps = [entry.wire.says(Said(text=('{"city": "Rom"}',)))]
    reply = ask(entry.make(loopback.url), schema=CITY, max_tokens=77)

    assert json.loads(reply.content) == {"city": "Rom"}
    assert "city" in sent(loopback)
    assert "77" in sent(loopback)


@pytest.mark.parametrize("finish", ["length", "refused"])
def test_finish(entry: Entry, loopback: Loopback, finish: Any) -> None:
    """Whether a reply was cut off or refused is told in our words, streamed or not."""
    if finish == "refused" and entry.name == "ollama":
        pytest.skip("Ollama has no such reason")
    loopback.steps = [entry.wire.says(Said(text=("so ", "far"), finish=finish))]
    model = entry.make(loopback.url)

    assert ask(model).finish == stream(model)[0].finish == finish


# Failures


def test_429_then_success(entry: Entry, loopback: Loopback) -> None:
    """A busy server is asked again, after as long as it wants."""
    busy = entry.wire.fails(Trouble(kind="limit", wait=0.3))
    loopback.steps = [busy, entry.wire.says(Said()), busy, entry.wire.says(Said())]
    model = entry.make(loopback.url)

    assert (ask(model).content, stream(model)[0].content) == ("hello", "hello")
    assert len(loopback.asked) == 4


def test_500_for_ever(entry: Entry, loopback: Loopback) -> None:
    """What never gets better ends as a `ModelError` with the vendor's words and how often was tried."""
    loopback.steps = [entry.wire.fails(Trouble(kind="fail", words="kaput"))]
    with pytest.raises(ModelError, match=r"kaput.*tried 2 times"):
        ask(entry.make(loopback.url))
    assert len(loopback.asked) == 2


def test_malformed_body(entry: Entry, loopback: Loopback) -> None:
    """A body that is no answer, or an answer without a choice, is tried again, and in the end a `ModelError`."""
    bodies = [b'{"half": ', b"<html>busy</html>", b"{}", b"[]"]
    model = entry.make(loopback.url, retries=0)
    for body in bodies:
        loopback.steps = [lambda http, body=body: http.answer(body)]  # type: ignore[misc]  # mypy sees no default
        with pytest.raises(ModelError, match="tried 1 time"):
            ask(model)
    loopback.steps = [lambda http: http.answer(bodies[0]), entry.wire.says(Said())]
    assert ask(entry.make(loopback.url)).content == "hello"


@pytest.mark.parametrize("cut", [True, False], ids=["reset", "ended early"])
def test_connection_cut_in_the_middle(entry: Entry, loopback: Loopback, cut: bool) -> None:
    """A stream that breaks, by a reset or an early end, is begun anew and its first half forgotten."""
    if not entry.streams:
        pytest.skip("it never streams")
    said = Said(text=("the ", "whole ", "of ", "it"))
    loopback.steps = [entry.wire.breaks(said, cut=cut), entry.wire.says(said)]
    reply, _ = stream(entry.make(loopback.url))

    assert reply.content == "the whole of it"
    assert len(loopback.asked) == 2


def test_pieces_that_are_not_what_they_should_be(entry: Entry, loopback: Loopback) -> None:
    """A stream of nonsense is a `ModelError`."""
    if not entry.streams:
        pytest.skip("it never streams")
    junk = [b"data: {]\n\n", b'data: {"choices": [7]}\n\n', b"\x00\xff\n", b"data: [DONE]\n\n"]
    loopback.steps = [lambda http: http.pour(junk, kind=entry.wire.kind)]
    with pytest.raises(ModelError):
        stream(entry.make(loopback.url, retries=0))


@pytest.mark.parametrize(
    ("kind", "error", "remedy"),
    [
        ("key", ModelAccessDenied, r"pass |configure |set |environment"),
        ("model", ModelError, r"check the model|ollama pull"),
        ("overflow", ContextOverflow, "shorten"),
    ],
)
def test_hopeless_failures(entry: Entry, loopback: Loopback, kind: Any, error: type[ModelError], remedy: str) -> None:
    """What another try cannot mend is raised at once, with the remedy, and with no key in or behind it."""
    loopback.steps = [entry.wire.fails(Trouble(kind=kind, words=KEY if kind == "key" else ""))]
    model = entry.make(loopback.url)
    for way in (ask, stream):
        with pytest.raises(error, match=remedy) as raised:
            way(model)
        assert KEY not in str(raised.value)
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__
    assert len(loopback.asked) == 2


@pytest.mark.parametrize("status", [400, 403, 404, 429, 503])
def test_failures_of_any_shape(entry: Entry, loopback: Loopback, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a failure's body looks like it is a `ModelError`, without the key, be it passed or of the environment."""
    monkeypatch.setenv("SOME_API_KEY", "zq9.of-the-environment")
    words = f"you sent {KEY.removeprefix('sk-')} zq9.of-the-environment"
    bodies: list[object] = [
        {"error": {"message": words}}, {"error": words}, {"error": {"message": {"deep": words}}}, {"message": words},
        [{"error": words}], words, f"<html>{words}".encode(), {"error": None}, None, b"",
    ]  # fmt: skip
    model = entry.make(loopback.url, key=KEY.removeprefix("sk-"), retries=0)
    for body in bodies:
        loopback.steps = [lambda http, body=body: http.answer(body, status=status)]  # type: ignore[misc]  # as above
        for way in (ask, stream):
            with pytest.raises(ModelError) as raised:
                way(model)
            assert KEY.removeprefix("sk-") not in str(raised.value), body
            assert "zq9" not in str(raised.value), body


def test_timeout(entry: Entry, loopback: Loopback) -> None:
    """A server that does not answer in time is a `ModelError` that says so."""
    over = threading.Event()

    def hang(http: Handler) -> None:
        over.wait(5)

    loopback.steps = [hang]
    with pytest.raises(ModelError, match=r"(?i)timed? ?out"):
        ask(entry.make(loopback.url, retries=0, timeout=0.3))
    over.set()


def test_unreachable(entry: Entry) -> None:
    """A server that is not there is a `ModelError`."""
    with pytest.raises(ModelError):
        ask(entry.make("http://127.0.0.1:9/v1", retries=0))


def test_cancellation_leaves_nothing_running(entry: Entry, loopback: Loopback) -> None:
    """A reply that is cancelled in the middle hangs up on the server, and leaves no task and no thread."""
    if not entry.streams:
        pytest.skip("it never streams")
    loopback.steps = [entry.wire.dawdles(Said(text=("on ", "and ", "on ")))]
    model = entry.make(loopback.url)

    async def begin_and_cancel() -> set[Any]:
        begun = asyncio.Event()
        before = asyncio.all_tasks()
        task = asyncio.create_task(model.reply(Request(messages=ASK), on_delta=lambda _: begun.set()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        return asyncio.all_tasks() - before

    left = asyncio.run(begin_and_cancel())
    assert [task for task in left if "litellm" not in repr(task)] == []
    assert loopback.left.wait(10)
    _until(lambda: not any(thread.name == "codeling-model" for thread in threading.enumerate()))


def test_overlapping_replies(entry: Entry, loopback: Loopback) -> None:
    """One model object answers several conversations at once, in one event loop after another."""
    loopback.steps = [entry.wire.says(Said())]
    model = entry.make(loopback.url)

    async def three() -> list[Reply]:
        return await asyncio.gather(*[model.reply(Request(messages=ASK)) for _ in range(3)])

    for _ in range(2):
        assert [reply.content for reply in asyncio.run(three())] == ["hello"] * 3


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_call_ids_of_before(entry: Entry, loopback: Loopback) -> None:
    """An id that the conversation used before is not used again."""
    loopback.steps = [entry.wire.says(Said(text=("",), calls=TWO[:1], finish="calls"))]
    before = Message(role="assistant", content="", calls=(ToolCall(id="call_a", name="weather", kwargs={}),))
    result = Message(role="tool", content="rain", call_id="call_a")
    reply = ask(entry.make(loopback.url), (*ASK, before, result), tools=(WEATHER,))

    assert reply.calls[0].id not in ("", "call_a")


def test_a_model_that_is_dropped_ends_its_connections(entry: Entry, loopback: Loopback) -> None:
    """Also where the loop that they were opened in goes on, as that of `agent.run` does; nothing is left to warn of."""
    loopback.steps = [entry.wire.says(Said(text=("```python\n", "final_answer(1)\n```")))]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        agent = CodeAgent([], entry.make(loopback.url))
        assert list(agent.run("Go.", stream=True))[-1].output == 1
        agent.close()
        del agent
        gc.collect()
        _until(lambda: loopback.open == 0)
        gc.collect()

    assert [str(one.message) for one in told if one.category is ResourceWarning] == []
