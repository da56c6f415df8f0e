"""A secret is used by tools and models, and found nowhere: every place where it could be is searched."""

from __future__ import annotations

import copy
import enum
import io
import json
import pickle
import traceback
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from codeling import (
    CodeAgent,
    Event,
    ModelError,
    OpenTelemetryObserver,
    Secret,
    TerminalObserver,
    ToolCall,
    ToolCallingAgent,
    ToolProgressed,
    Verdict,
    tool,
)
from codeling.cli.answers import event_text
from codeling.observers.trace_file import trace_html
from codeling.protocols import running
from codeling.secrets.masking import masked
from codeling.testing import ScriptedModel
from codeling.tools import FunctionTool
from tests.core.helpers import program

pytest.importorskip("opentelemetry.sdk.trace", reason="the SDK is in the extra otel")
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

TEXT = "sk-Zq7-very-secret-0042"
used: list[str] = []


def make(*replies: Any, token: str, journal: str, observers: Any = (), kind: Any = CodeAgent) -> Any:
    """Give an agent whose tools hold the secret and are careless with it."""
    key = f"key {token}"

    def describe(name: str, key: str = key) -> Any:
        used.append(f"Bearer {token}")
        return {"name": name, "headers": {"Authorization": f"Bearer {token}"}, "raw": [token.encode(), (token,)]}

    def fetch(name: str, key: str = key) -> Any:
        running().show(ToolProgressed(name="fetch", progress=1, message=f"asking with {key}"))
        return describe(name, key)

    about = f"Fetch something with {key}, and give the request back with it."

    @tool
    def fail(name: str) -> str:
        """Fail, and say too much."""
        raise PermissionError(f"token {token} was refused for {name}")

    return kind(
        [FunctionTool(fetch, effect="read", description=about), fail], ScriptedModel(replies), journal=journal,
        observers=observers, instructions=f"The key is {token}.", policy=policy(token),
    )  # fmt: skip


def policy(token: str) -> Any:
    """Refuse one call, and say too much."""
    return lambda call, tool: Verdict("deny", f"not with {token}") if call.args == ("z",) else "allow"


CODE = """
import json
got = fetch('x')
print(got, key)
for call in (lambda: fail('y'), lambda: fail('z'), lambda: fetch()):
    try:
        call()
    except Exception as error:
        print(error)
print([name for name, value in globals().items() if 'very-' + 'secret' in repr(value)])
"""


def test_a_secret_is_found_nowhere(tmp_path: Path) -> None:
    """Not in the journal's files, events, prompts, the sandbox, the answer, what is shown, traces, pages, or forks."""
    token = Secret(TEXT)
    events, screen, spans = list[Event](), io.StringIO(), InMemorySpanExporter()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    observers = [events.append, TerminalObserver(screen), OpenTelemetryObserver(tracer_provider=tracers, content=True)]
    replies = (program(CODE), program("final_answer(got)"), program("final_answer(2)"))
    agent = make(*replies, token=token, journal=str(tmp_path / "runs.db"), observers=observers)
    result = agent.run(f"Use {token}.", additional_args={"key": token}, return_full_result=True)
    forked = agent.fork(result.run_id, 2, task=f"Use {token} again.", return_full_result=True)
    places = {
        "events": [repr(event) for event in events] + [event_text(event) for event in events if event.durable],
        "prompts": [repr(request) for request in agent._model.requests],
        "result": [repr(result), json.dumps(str(result.output)), repr(forked)],
        "files": [path.read_bytes().decode("latin-1") for path in tmp_path.iterdir()],
        "spans": [span.to_json() for span in spans.get_finished_spans()],
        "screen": [screen.getvalue()],
        "page": [trace_html(result.events)],
    }

    assert used[-1] == f"Bearer {TEXT}"
    for place, texts in places.items():
        assert [text for text in texts if "very-secret" in text] == [], place
        assert any("[secret]" in text for text in texts), place
    assert "[secret]" in result.steps[0].output
    assert result.steps[0].output.rstrip().endswith("[]")
    assert result.output["headers"] == {"Authorization": "Bearer [secret]"}
    assert any(isinstance(event, ToolProgressed) and "[secret]" in event.message for event in events)


def test_schemas_of_calls_do_not_tell(tmp_path: Path) -> None:
    """Nor what an agent that makes JSON calls is offered, told and refused."""
    calls = [ToolCall(id="1", name="fetch", args=("x",)), ToolCall(id="2", name="fail", args=("z",))]
    agent = make(calls, "Done.", token=Secret(TEXT), journal=str(tmp_path / "runs.db"), kind=ToolCallingAgent)
    agent.run("Go.")
    asked = [repr(request) for request in agent._model.requests]

    assert [text for text in asked if "very-secret" in text] == []
    assert "key [secret]" in str(agent._model.requests[0].tools)
    assert "not with [secret]" in asked[1]


def test_errors_that_end_a_run_do_not_tell(tmp_path: Path) -> None:
    """The message that a caller gets is covered, and that of the error behind it."""
    token = Secret(TEXT)

    def refuse(messages: Any) -> str:
        try:
            raise ConnectionError(f"401 for key {token}")
        except ConnectionError as error:
            raise ModelError(f"the provider refused {token}") from error

    with pytest.raises(ModelError) as caught:
        make(refuse, token=token, journal=str(tmp_path / "runs.db")).run("Go.")

    assert "the provider refused [secret]" in str(caught.value)
    assert "very-secret" not in str(caught.value.__cause__)
    assert "very-secret" not in repr(caught.value.result)


def test_a_secret_is_a_text() -> None:
    """It works wherever a text does, shows itself nowhere, and stays what it is when it is copied."""
    token = Secret(TEXT)

    assert f"Bearer {token}" == f"Bearer {TEXT}"
    assert token == TEXT
    assert TEXT not in repr(token)
    assert TEXT not in repr({"token": token})
    assert copy.deepcopy(token) == pickle.loads(pickle.dumps(token)) == TEXT
    with pytest.raises(ValueError, match="at least 4 characters"):
        Secret("abc")


class Colour(enum.Enum):
    """An enum crosses with all its members."""

    PLAIN = "plain"
    HIDDEN = TEXT


class Pair(NamedTuple):
    """It crosses as a tuple."""

    key: str
    number: int


class Texts(list[str]):
    """A class made of a builtin one crosses as that."""


@dataclass(frozen=True)
class Fixed:
    """A field that nobody gives."""

    key: str = field(default=TEXT, init=False)


class Careless:
    """An object that is no data, and says too much of itself."""

    def __repr__(self) -> str:
        return f"Careless({TEXT!r})"


def kinds() -> dict[str, Any]:
    """Give a value of each kind that crosses as data or as a handle, with the secret in it."""
    numpy, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    return {
        "ordered": OrderedDict(key=TEXT), "default": defaultdict(str, {TEXT: "key"}), "counter": Counter([TEXT]),
        "named": Pair(TEXT, 1), "texts": Texts([TEXT]), "buffer": bytearray(TEXT.encode()),
        "fixed": Fixed(), "member": Colour.PLAIN, "path": Path("/keys") / TEXT, "careless": Careless(),
        "array": numpy.array([[TEXT], ["b"]]), "objects": numpy.array([TEXT, 1], dtype=object),
        "bytes": numpy.array([TEXT.encode()]), "numbers": numpy.frombuffer(TEXT.encode(), dtype=numpy.uint8),
        "records": numpy.array([(TEXT, 1)], dtype=[("key", "U40"), ("n", "i4")]),
        "frame": pandas.DataFrame({"a": [1, 2], "key": [TEXT, "x"]}, index=[TEXT, "b"]),
        "columns": pandas.DataFrame({TEXT: [1.5]}), "series": pandas.Series([1], name=TEXT),
        "category": pandas.Series([TEXT, "x"], dtype="category"), "index": pandas.Index([TEXT]),
        "error": PermissionError(13, "no", TEXT), "written": json.dumps({"key": 'pass"word é'}), "shown": repr('pass"word é\n'),
        "address": "https://x.org/?key=pass%22word+%C3%A9&k=pass%22word%20%C3%A9",
    }  # fmt: skip


LOOK = """
found = {}
for name in names:
    value = give(name)
    texts = [repr(value)]
    for look in ("tolist", "to_dict", "tobytes", "to_csv"):
        if hasattr(value, look):
            texts.append(repr(getattr(value, look)()))
    found[name] = "".join(texts + [repr(value.__dict__) if hasattr(value, "__dict__") else ""])[::-1]
final_answer(found)
"""


def test_values_of_every_kind_are_searched(tmp_path: Path) -> None:
    """Whatever crosses to a program or into a journal, a table or an object of any class; what holds none is as it was."""
    Secret(TEXT), Secret('pass"word é')
    values, clean = kinds(), {"frame": kinds()["frame"].replace(TEXT, "x").set_axis(["p", "q"]), "path": Path("/keys")}
    journal, screen = str(tmp_path / "runs.db"), io.StringIO()

    @tool(effect="read")
    def give(name: str) -> Any:
        """Give a value."""
        return values[name]

    agent = CodeAgent([give], ScriptedModel([program(LOOK)]), journal=journal, observers=[TerminalObserver(screen)])
    result = agent.run("Look.", additional_args={"names": list(values)}, return_full_result=True)
    read = {name: text[::-1] for name, text in result.output.items()}
    seen = {"journal": b"".join(path.read_bytes() for path in tmp_path.iterdir()).decode("latin-1"),
            "screen": screen.getvalue(), "page": trace_html(result.events)}  # fmt: skip

    assert [name for name, text in read.items() if "very-secret" in text or "word" in text] == []
    assert [place for place, text in seen.items() if "very-secret" in text or "pass%22" in text] == []
    for name in ("frame", "columns", "series", "category", "array", "objects", "records", "named", "fixed", "path"):
        assert "[secret]" in read[name], name
    assert masked(clean)["frame"] is clean["frame"]
    assert masked(clean) is clean


def test_a_secret_that_begins_another_leaves_nothing_of_it() -> None:
    """Of several secrets that begin alike the longest is covered, in bytes too."""
    whole = "begins-alike-0123456789"
    for length in range(12, len(whole) + 1):
        Secret(whole[:length])

    assert (masked(whole), masked(whole.encode())) == ("[secret]", b"[secret]")


def test_an_object_that_says_too_much_is_covered_for_models(tmp_path: Path) -> None:
    """The text of an object that is no data is searched before an agent that makes JSON calls reads it."""
    Secret(TEXT)
    values = {"careless": Careless(), "error": PermissionError(13, "no", TEXT)}

    @tool(effect="read")
    def give(name: str) -> Any:
        """Give a value."""
        return values[name]

    calls = [ToolCall(id=name, name="give", args=(name,)) for name in values]
    model = ScriptedModel([calls, "Done."])

    assert ToolCallingAgent([give], model).run("Look.") == "Done."
    assert "very-secret" not in repr(model.requests)
    assert "Careless('[secret]')" in repr(model.requests)


@pytest.mark.parametrize(
    "make",
    [
        lambda: FileNotFoundError(2, "no such file", TEXT),
        lambda: ExceptionGroup("two", [ValueError(TEXT), KeyError(TEXT)]),
        lambda: UnicodeDecodeError("utf-8", TEXT.encode(), 0, 1, TEXT),
        lambda: _noted(ValueError("no"), TEXT),
    ],
    ids=["file", "group", "bytes", "note"],
)
def test_errors_of_every_kind_do_not_tell(make: Callable[[], Exception]) -> None:
    """Nor by a file's name, by the errors that one is made of, by the bytes it stumbled over, or by a note."""
    Secret(TEXT)

    def refuse(messages: Any) -> str:
        raise make()

    with pytest.raises(Exception) as caught:
        CodeAgent([], ScriptedModel(refuse)).run("Go.")

    assert "very-secret" not in "".join(traceback.format_exception(caught.value))


def _noted(error: Exception, note: str) -> Exception:
    error.add_note(note)
    return error
