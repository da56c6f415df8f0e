"""Hostile on the wire: whatever a worker sends, the host lives, the model is told, and the run goes on with a fresh one."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import struct
import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codeling import CodeAgent, CommandExecutor, MemoryJournal, SandboxError, SandboxExecutor, UnsafeLocalExecutor, tool
from codeling.errors import WireBroken
from codeling.messages import ToolCall
from codeling.protocols import Outcome, SessionSpec
from codeling.result import RunResult
from codeling.sandbox.frames import Buffer
from codeling.sandbox.session import Connection, WireSession
from codeling.testing import ScriptedModel

HELLO = {"t": "hello", "v": 1, "pid": 2, "python": "3.11"}
READY = {"t": "ready", "id": 0}
PRIME = 2**61 - 1
"""What Python's hash of numbers is taken by."""


def packed(*frames: Any) -> bytes:
    """Give frames as a worker writes them; text is a body already."""
    bodies = [frame.encode() if isinstance(frame, str) else json.dumps(frame).encode() for frame in frames]
    return b"".join(struct.pack("<I", len(body)) + body for body in bodies)


def call(number: Any, *args: Any, name: Any = "echo", **more: Any) -> dict[str, Any]:
    """Give the frame of a call."""
    return {"t": "call", "id": number, "name": name, "args": list(args), "kw": {}, **more}


NUMPY_TEXT = base64.b64encode("__array_interface__".encode("utf-32-le")).decode()
ADDRESS = {"version": 3, "typestr": "<f8", "shape": {"$": "tuple", "v": []}, "data": {"$": "tuple", "v": [16, True]}}
"""What numpy takes for an array that lies at an address of the process."""


def record(**fields: Any) -> dict[str, Any]:
    """Give a record as data."""
    return {"$": "record", "type": "a.B", "v": fields}


def column(dtype: str, *items: Any, names: Sequence[Any] = (0,)) -> dict[str, Any]:
    """Give a pandas series as data."""
    return {
        "$": "series", "v": {"dtype": dtype, "v": [*items]}, "index": {"dtype": "object", "v": [*names]}, "name": None
    }  # fmt: skip


@tool
def echo(value: Any) -> Any:
    """Give the value back."""
    return value


@tool
async def nap(seconds: float) -> float:
    """Sleep."""
    await asyncio.sleep(seconds)
    return seconds


def told(program: str, *, timeout: float = 30.0) -> RunResult:
    """Run a hostile program in the real sandbox, then an honest one; a third where the second one's worker was lost."""
    honest = "```python\nfinal_answer(41 + 1)\n```"
    model = ScriptedModel([f"```python\n{program}\n```", honest, honest])
    with CodeAgent([echo, nap], model, executor=SandboxExecutor(timeout=timeout)) as agent:
        result = agent.run("Go.", return_full_result=True)
    assert isinstance(result, RunResult)
    return result


class Early:
    """A worker that is told to open before it has said a word, and has said all of it already."""

    listens, isolation = True, "none"

    def __init__(self, said: bytes) -> None:
        self._ours, theirs = socket.socketpair()
        self._ours.setblocking(False)
        self.reader = self.writer = self._ours.fileno()
        with theirs:
            theirs.sendall(said)
            theirs.shutdown(socket.SHUT_WR)

    def interrupt(self) -> None:
        """There is no program."""

    def kill(self) -> None:
        """Let go of the stream."""
        self._ours.close()

    def trouble(self) -> None:
        """Nothing is known."""


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ((HELLO, READY), None),
        ((READY,), "'ready' came before the first word"),
        ((READY, HELLO), "'ready' came before the first word"),
        ((HELLO, HELLO, READY), "unexpected frame 'hello'"),
        ((HELLO, call(1)), "unexpected frame 'call'"),
        ((HELLO,), "its process ended"),
        ((), "its process ended"),
        (({"t": "trouble", "text": "no room"},), "could not be sealed: no room"),
        ((HELLO, {"t": "trouble", "text": "no room"}), "could not be sealed: no room"),
    ],
)
def test_a_worker_that_is_opened_before_its_first_word(frames: Sequence[Any], why: str | None) -> None:
    """Its words come in their order or it is not taken."""

    async def start() -> Connection:
        return Early(packed(*frames))

    async def work() -> None:
        session = await WireSession.open(start, SessionSpec())
        session.close()

    if why is None:
        asyncio.run(work())
    else:
        with pytest.raises(SandboxError, match=why):
            asyncio.run(work())


def writing(raw: bytes, *, end: str = "") -> str:
    """Give a program that writes these bytes to the wire."""
    data = base64.b64encode(raw).decode()
    return f"import base64, os\nkept = 1\ndata = base64.b64decode('{data}')\nwhile data: data = data[os.write(3, data):]\n{end}"


def error_of(raw: bytes, *, end: str = "", timeout: float = 30.0) -> str:
    """What the model is told of a program that writes these bytes to the wire; the run has to go on."""
    result = told(writing(raw, end=end), timeout=timeout)
    assert result.output == 42
    return "\n".join(step.error or "" for step in result.steps if step.lost)


BAD_FRAMES: dict[str, tuple[bytes, str]] = {
    "no JSON": (packed("{nonsense"), "not JSON"),
    "no object": (packed("[1]"), "unknown kind"),
    "two values": (packed("{} {}"), "not JSON"),
    "bad UTF-8": (struct.pack("<I", 2) + b"\xff\xfe", "not JSON"),
    "no kind": (packed({"x": 1}), "unknown kind"),
    "kind of another type": (packed({"t": ["call"]}), "unknown kind"),
    "unknown kind": (packed({"t": "exec", "id": 1}), "unknown kind"),
    "empty": (packed(""), "not JSON"),
    "too large": (struct.pack("<I", 2**32 - 1), "a frame of 4294967295 bytes"),
    "deep": (packed("[" * 200_000), "not JSON"),
    "deep in a call": (packed('{"t":"call","id":9,"name":"echo","kw":{},"args":[' + "[" * 500 + "]" * 500 + "]}"), "nested too deep"),
    "long number": (packed('{"t":"call","id":' + "9" * 5000 + "}"), "not JSON"),
    "id that is a bool": (packed(call(True)), "wrong 'id'"),
    "id that is a float": (packed(call(1e3)), "wrong 'id'"),
    "id that is nan": (packed('{"t":"call","id":NaN,"name":"echo","args":[],"kw":{}}'), "wrong 'id'"),
    "id beyond counting": (packed(call(10**30)), "no worker counts up to"),
    "id below zero": (packed(call(-1)), "came again"),
    "replayed id": (packed(call(7), call(7)), "call id 7 came again"),
    "unknown tool": (packed(call(9, name="os.system")), "never offered"),
    "final_answer as a tool": (packed(call(9, name="final_answer")), "never offered"),
    "arguments of another type": (packed(call(9, args={})), "wrong 'args'"),
    "missing field": (packed({"t": "call", "id": 9}), "wrong 'name'"),
    "unknown handle": (packed(call(9, {"$": "handle", "side": "host", "id": 5, "shown": ""})), "never given out"),
    "class by name": (packed(call(9, {"$": "pickle", "v": "gASVAAAA"})), "unknown kind"),
    "a hello again": (packed(HELLO), "unexpected frame 'hello'"),
    "no output": (packed({"t": "out", "text": ""}), "or none"),
    "too much output": (packed(*[{"t": "out", "text": "x" * 400_000}] * 3), "more output than was agreed"),
    "output in crumbs": (packed({"t": "out", "text": "x"}) * 5000, "in smaller pieces than any worker sends"),
    "line that is no number": (packed(call(9, line=True)), "wrong 'line'"),
    "line beyond any file": (packed(call(9, line=10**30)), "wrong 'line'"),
    "too many pictures": (packed(*[{"t": "image", "data": ""}] * 9), "more pictures"),
    "picture of nothing": (packed({"t": "image", "data": "%"}), "not base64"),
    "end of another program": (packed({"t": "done", "id": 77, "err": None}), "the end of program 77"),
    "end with a long error": (packed({"t": "done", "id": 1, "err": "x" * 200_000}), "wrong end"),
    "end of no size": (packed({"t": "done", "id": 1, "err": None, "size": -1}), "wrong end"),
    "numbers of one hash": (
        packed(call(9, {"$": "dict", "v": [[{"$": "int", "v": hex(k * PRIME)}, 0] for k in range(2000)]})),
        "too many keys of one hash",
    ),
    "a long number as it is": (packed(call(9, [1 << 70])), "not written as one"),
    "a decimal in a column of numbers": (
        packed(call(9, column("int64", {"$": "decimal", "v": "1e100000"}))), "not an item of such a column"
    ),
    "a decimal beside a long number": (
        packed(call(9, {"$": "set", "v": [{"$": "decimal", "v": "5"}, {"$": "int", "v": "f" * 300}]})), "decimals and long numbers"
    ),
    "a long range": (packed(call(9, {"$": "range", "v": [{"$": "int", "v": "f" * 40_000}]})), "not a range"),
    "a date of another kind": (packed(call(9, {"$": "date", "v": ["\x07\xe4\x01\xff"]})), "not a date or time"),
    "a level that is an address": (
        packed(call(9, column("object", ADDRESS, names=[{"$": "tuple", "v": ["__array_interface__"]}]))), "for an address"
    ),
    "a row whose name is a text of numpy's": (
        packed(call(9, column("object", ADDRESS, names=[{"$": "scalar", "dtype": "<U19", "v": NUMPY_TEXT}]))), "for an address",
    ),
    "a row that becomes an address": (
        packed(call(9, {"$": "index", "v": {"dtype": "str", "v": [{"$": "path", "v": ["posix", "__array_interface__"]}]}})),
        "not an item of such a column",
    ),
    "ids of one hash": (
        packed(call(9, {"$": "set", "v": [{"$": "uuid", "v": f"{k * PRIME:032x}"} for k in range(2000)]})),
        "too many keys of one hash",
    ),
    "fraction of large parts": (
        packed(call(9, {"$": "fraction", "v": [{"$": "int", "v": "f" * 999_999}, {"$": "int", "v": "e" * 999_998}]})),
        "a fraction of more than",
    ),
    "scalars from nothing": (packed(call(9, [{"$": "scalar", "dtype": "<U999999", "v": ""}] * 2000)), "not a scalar"),
    "zone that is a file": (
        packed(call(9, {"$": "index", "v": {"dtype": "datetime64[ns, dateutil//etc/passwd]", "v": []}})), "not a dtype"
    ),
    "a record that is an address": (packed(call(9, column("object", record(__array_interface__=ADDRESS)))), "for an address"),
    "a record that is a number": (packed(call(9, column("float64", record(a=1)))), "not an item of such a column"),
    "a row that is an address": (packed(call(9, column("object", ADDRESS, names=["__array_interface__"]))), "for an address"),
    "pictures of no width": (
        packed(call(9, [{"$": "image", "mode": "L", "size": [0, 20000], "v": ""}] * 9)), "not the bytes of a picture"
    ),
    "many pictures": (
        packed(call(9, [{"$": "image", "mode": "L", "size": [1, 1], "v": "AA=="}] * 6001)), "more than 6000 columns"
    ),
    "dates in words": (packed(call(9, column("datetime64[ns]", "1 jan 2020 5:01:01 pm"))), "not an item of such a column"),
    "a column that is none": (packed(call(9, {"$": "index", "v": {"dtype": "object", "v": {"a": 1}}})), "not a column"),
    "an array of lists without items": (
        packed(call(9, {"$": "array", "dtype": "|u1", "shape": [1 << 40, 0], "v": ""})), "nothing but shape"
    ),
    "numbers that are sought together": (packed(call(9, {"$": "set", "v": [*range(40_000)]})), "keys that are no texts"),
    "levels that are sought together": (
        packed(call(9, {"$": "index", "v": {"dtype": "object", "v": [{"$": "tuple", "v": [k, 0]} for k in range(40_000)]}})),
        "keys that are no texts",
    ),
    "many tables": (
        packed(call(9, [{"$": "index", "v": {"dtype": "object", "v": []}}] * 6001)), "more than 6000 columns"
    ),
    "lists out of nothing": (packed('{"t":"final","val":[' + "[]," * 3_000_000 + "[]]}"), "more items than any value"),
}  # fmt: skip


def test_a_bad_frame_ends_the_session_with_its_reason() -> None:
    """Each ends its session with a clear error, the model is told that its variables are gone, and the run goes on."""
    programs = [writing(raw, end="import time\ntime.sleep(20)") for raw, _ in BAD_FRAMES.values()]
    model = ScriptedModel([f"```python\n{code}\n```" for code in (*programs, "final_answer('kept' in globals())")])
    with CodeAgent([echo, nap], model, max_steps=len(programs) + 1) as agent:
        result = agent.run("Go.", return_full_result=True)

    for (name, (_, why)), step in zip(BAD_FRAMES.items(), result.steps[:-1], strict=True):
        assert why in (step.error or ""), name
        assert step.lost, name
        assert "All variables are gone" in (step.error or "")
    assert result.output is False


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('"' + r"\"" * 2_000_000, "more items than"),
        ('"' * 4_000_000, "more items than"),
        ('"",' * 1_000_000 + '""]}', "more items than"),
        ('"' + "[]," * 1_000_000 + '"]}', "more items than"),
    ],
)
def test_texts_hide_no_items_and_cost_no_time(text: str, why: str) -> None:
    """What a frame would become is known before it is read, in time that grows with its length whatever texts it has."""
    heavy = packed('{"t":"final","val":[' + "[]," * 1_400_000 + text)

    with pytest.raises(WireBroken, match=why):
        list(Buffer().feed(heavy))


def test_marks_in_texts_are_no_items() -> None:
    """A text of nothing but brackets and quotes is a text."""
    text = '[{",\\' * 1_500_000
    (frame,) = Buffer().feed(packed({"t": "final", "val": text}))

    assert frame["val"] == text


SMALL = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
FRAMES = st.dictionaries(
    st.sampled_from("id name args kw text data val err size v pid python".split()),
    SMALL | st.integers(0, 3) | st.sampled_from(["echo", "nap", 1, [], {}, [{"$": "int", "v": "ff"}]]),
    max_size=6,
).flatmap(
    lambda fields: st.sampled_from("hello ready call out image final done ret".split()).map(
        lambda kind: {"t": kind, **fields}
    )
)


@given(st.lists(FRAMES.map(lambda frame: packed(frame)) | st.binary(max_size=12), min_size=1, max_size=3).map(b"".join))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_written_to_the_wire_the_run_ends_well(raw: bytes) -> None:
    """Frames with fields of any type, garbage, and halves of frames: the run gives the honest answer, or the program's own."""
    result = told(writing(raw), timeout=0.5)

    assert result.state == "success"
    assert result.output == 42 or any(step.final and step.answer == result.output for step in result.steps)


def test_half_a_frame_is_not_waited_for_longer_than_a_program_may_run() -> None:
    """A frame that never ends is the end of the program at its time limit."""
    assert "did not stop when interrupted" in error_of(struct.pack("<I", 1000) + b"{", timeout=0.3)


def test_a_value_that_is_named_like_our_own_is_a_value() -> None:
    """A record whose fields are called like the record's own parts crosses both ways, and tools may give it back."""
    fields = {"_fields": 1, "_type": "x", "__class__": "int", "__dict__": [2], "__eq__": None}
    frame = call(999, {"$": "record", "type": "a.B", "v": fields})

    assert error_of(packed(frame), end="import time\ntime.sleep(0.2)") == ""


def test_texts_are_made_writable() -> None:
    """Halves of surrogate pairs in output and errors are shown as escapes, which every terminal and file takes."""
    result = told(
        "import os\nos.write(3, bytes.fromhex('"
        + packed({"t": "out", "text": "a\ud83d"}).hex()
        + "'))\nraise ValueError('b\\ud83d')"
    )

    assert result.steps[0].output == "a\\ud83d"
    assert "b\\ud83d" in (result.steps[0].error or "")


def test_what_arrives_between_programs_is_not_obeyed() -> None:
    """A call that a left-over thread writes after the program's end is never made, and costs the session."""
    seen: list[int] = []

    @tool
    def note(number: int) -> None:
        """Note a number."""
        seen.append(number)

    late = f"import os, threading\ndef later():\n    import time\n    time.sleep(0.3)\n    os.write(3, {packed(call(99, 1, name='note'))!r})\nthreading.Thread(target=later).start()"
    model = ScriptedModel(
        [f"```python\n{late}\n```", lambda request: pause("note(2)"), "```python\nfinal_answer(42)\n```"]
    )

    def pause(code: str) -> str:
        import time

        time.sleep(0.6)
        return f"```python\n{code}\n```"

    with CodeAgent([note], model) as agent:
        result = agent.run("Go.", return_full_result=True)

    assert "data arrived while no program was running" in (result.steps[1].error or "")
    assert result.steps[1].lost
    assert result.output == 42
    assert seen == []


def test_a_descriptor_that_is_sent_along_goes_nowhere() -> None:
    """Descriptors that ride on the wire are not taken: the host has as many as before."""
    program = """
import array, os, socket, stat
wire = next(int(fd) for fd in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + fd) and stat.S_ISSOCK(os.fstat(int(fd)).st_mode))
line = socket.socket(fileno=os.dup(wire))
body = b'{"t":"out","text":"x"}'
for _ in range(20):
    line.sendmsg([len(body).to_bytes(4, "little") + body], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [1] * 10))])
"""
    model = ScriptedModel([f"```python\n{program}\n```", "```python\nfinal_answer(42)\n```"])
    with CodeAgent([], model, executor=UnsafeLocalExecutor()) as agent:
        before = len(os.listdir("/proc/self/fd"))
        result = agent.run("Go.", return_full_result=True)
        assert result.output == 42
        assert result.steps[0].output == "x" * 20
        assert len(os.listdir("/proc/self/fd")) <= before + 2  # this run's own line and process


def test_calls_after_the_answer_are_not_made() -> None:
    """A worker that goes on to call once it has answered is refused each call."""
    seen: list[int] = []

    @tool
    def note(number: int) -> None:
        """Note a number."""
        seen.append(number)

    raw = packed({"t": "final", "val": 42}, call(99, 1, name="note"))
    with CodeAgent([note], ScriptedModel([f"```python\nimport os\nos.write(3, {raw!r})\n```"])) as agent:
        assert agent.run("Go.") == 42

    assert seen == []


def test_answers_that_nobody_reads_pile_up_only_so_far() -> None:
    """A worker that calls and never reads is read no further once its answers wait; in the end its time is up."""
    made: list[int] = []

    @tool
    async def large(number: int) -> bytes:
        """Give four MiB."""
        made.append(number)
        return bytes(4 << 20)

    program = (
        "import json, os, struct, time\n"
        "for n in range(3000):\n"
        "    body = json.dumps({'t': 'call', 'id': 100 + n, 'name': 'large', 'args': [n], 'kw': {}}).encode()\n"
        "    os.write(3, struct.pack('<I', len(body)) + body)\n"
        "time.sleep(9)"
    )
    model = ScriptedModel([f"```python\n{program}\n```", "```python\nfinal_answer(42)\n```"])
    with CodeAgent([large], model, executor=SandboxExecutor(timeout=1.0)) as agent:
        assert agent.run("Go.") == 42

    assert len(made) < 2000


def opened(script: Sequence[Any], *, timeout: float = 5.0) -> Any:
    """Open a session of a worker that plays the script, and run one program in it."""
    steps = [base64.b64encode(step).decode() if isinstance(step, bytes) else step for step in script]
    executor = CommandExecutor(
        [sys.executable, str(Path(__file__).with_name("hostile.py")), json.dumps(steps)], timeout=timeout
    )
    made: list[ToolCall] = []

    async def on_call(called: ToolCall) -> Any:
        made.append(called)
        return None

    async def work() -> Outcome:
        session = await executor.open(SessionSpec(tools={"echo": "def echo(value):\n    ''"}))
        try:
            return await session.run("1", step=1, on_call=on_call, on_output=lambda text: None)
        finally:
            session.close()

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ([b"\0\0\0\0"], "not JSON"),
        ([packed(READY)], "unexpected frame 'ready'"),
        ([packed({**HELLO, "v": "1"})], "wrong 'v'"),
        ([packed(HELLO, HELLO)], "a frame came after|data arrived"),
        ([packed(HELLO), "read", packed(call(1))], "unexpected frame 'call'"),
        ([packed({"t": "trouble", "text": "no \ud800 room"})], r"it could not be sealed: no \\ud800 room"),
        ([packed({"t": "trouble", "text": 1})], "wrong 'text'"),
        ([packed(HELLO), "read", "end"], "ended"),
        (["end"], "ended"),
    ],
)
def test_a_worker_that_begins_badly_is_no_session(script: Sequence[Any], why: str) -> None:
    """A start that no honest worker makes is a SandboxError with the reason."""
    with pytest.raises(SandboxError, match=f"did not start: .*({why})"):
        opened([*script, 30])  # it does not end by itself, which would be told too


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (packed({"t": "out", "text": "x" * 1000}), "more output"),
        (packed('{"t":"done","id":1,"err":null}'), "after the program's end"),
        (b"\0" * 4096, "not JSON"),
        (b"\1\0\0\0" * 99, "not JSON"),
        (packed({"t": "trouble", "text": "x" * 50_000}), "could not be sealed"),
    ],
)
def test_a_flood_ends_the_session(step: bytes, why: str) -> None:
    """Frames without end are an end."""
    outcome = opened([packed(HELLO), "read", packed(READY), "read", "flood", step])

    assert outcome.lost or outcome.error is None
    assert why in (outcome.error or "after the program's end")


def test_bytes_that_come_one_by_one_are_frames_too() -> None:
    """However a stream is cut, what it says is the same."""
    end = packed({"t": "out", "text": "é" * 3}, {"t": "done", "id": 1, "err": None, "val": "7"})
    outcome = opened(
        [packed(HELLO), "read", packed(READY), "read", *[part for byte in end for part in (bytes([byte]), 0.001)], 1]
    )

    assert (outcome.output, outcome.value, outcome.lost) == ("ééé", "7", False)


def test_what_calls_carry_is_bounded() -> None:
    """The host keeps what calls carry: a program that has sent it too much is refused further calls, the next is not."""
    program = """
row, errors = [1] * 1_500_000, 0
for _ in range(14):
    try:
        nap(row)
    except Exception as error:
        errors += "more than 512 MiB" in str(error)
print(errors)
"""
    honest = "```python\nfinal_answer(echo(42))\n```"
    model = ScriptedModel([f"```python\n{program}\n```", honest])
    with CodeAgent([echo, nap], model, executor=SandboxExecutor(timeout=120)) as agent:  # a busy machine takes its time
        result = agent.run("Go.", return_full_result=True)

    assert isinstance(result, RunResult)
    assert 0 < int(result.steps[0].output) < 8
    assert result.output == 42


DEEPEST = """
def deep(levels):
    return 1 if levels == 0 else [deep(levels - 1)]
print(len(echo(deep(64))), len(echo("x" * ((12 << 20) - 100))))
final_answer(deep(64))
"""


@pytest.mark.parametrize("program", [DEEPEST, writing(packed('{"t":"final","val":' + "[" * 70 + "]" * 70 + "}"))])
def test_what_crosses_can_be_recorded(program: str) -> None:
    """A value as deep and as large as may cross is no trouble for the run's journal; nor is one deeper than honest ones."""
    with CodeAgent([echo], ScriptedModel([f"```python\n{program}\n```"]), journal=MemoryJournal()) as agent:
        result = agent.run("Go.", return_full_result=True)

    assert isinstance(result, RunResult)
    assert str(result.output).startswith("[[[[")


def test_a_call_that_waits_for_a_thread_ends_with_its_program() -> None:
    """A call for which there was no thread until its program had ended is not made any more, however quick its tool is."""
    seen: list[int] = []

    @tool
    def slow(number: int) -> None:
        """Take a while."""
        time.sleep(1)

    @tool
    def note(number: int) -> None:
        """Note a number."""
        seen.append(number)

    crowd = packed(*[call(1000 + n, n, name="slow") for n in range(300)])
    programs = [
        writing(crowd, end="import time; time.sleep(0.3)"),
        writing(packed(call(5000, 1, name="note")), end="import time; time.sleep(0.05)"),
        "final_answer(42)",
    ]
    with CodeAgent([slow, note], ScriptedModel([f"```python\n{program}\n```" for program in programs])) as agent:
        assert agent.run("Go.") == 42
        time.sleep(1.5)

    assert seen == []


def test_a_session_that_is_closed_while_it_begins_leaves_the_next_one_its_descriptor() -> None:
    """The loop forgets the stream of a session before another one's can get the same number."""

    async def work() -> list[str | None]:
        executor, spec, values = SandboxExecutor(), SessionSpec(tools={}), []
        (await executor.open(spec)).close()
        for _ in range(20):
            begun = WireSession.ahead(executor._start, spec, limits=executor._limits, isolation="full")
            while begun._line is None:
                await asyncio.sleep(0)
            begun.close()
            session = await executor.open(spec)
            outcome = await session.run("40 + 2", step=1, on_call=no_calls, on_output=lambda text: None)
            session.close()
            values.append(outcome.value)
        return values

    async def no_calls(called: ToolCall) -> None:
        raise AssertionError

    assert asyncio.run(asyncio.wait_for(work(), 50)) == ["42"] * 20


@tool
def listed(numbers: list[int]) -> int:
    """Count numbers."""
    return len(numbers)


@tool
def halved(number: Fraction) -> Fraction:
    """Give half of a number."""
    return number / 2


def test_what_is_written_in_a_few_bytes_does_not_become_gigabytes() -> None:
    """A range is no list of a billion numbers, and a decimal with a large exponent no fraction; those that are small are."""
    program = """
from decimal import Decimal
for made in (lambda: listed(range(10**12)), lambda: listed(range(10**30)), lambda: halved(Decimal("1e999999999")), lambda: listed("[" + "1," * 150_000 + "]")):
    try:
        print(made())
    except Exception as error:
        print(error)
print(listed(range(1000)), halved(Decimal("1.5")))
"""
    with CodeAgent(
        [listed, halved], ScriptedModel([f"```python\n{program}\n```", "```python\nfinal_answer(42)\n```"])
    ) as agent:
        result = agent.run("Go.", return_full_result=True)

    lines = result.steps[0].output.splitlines()
    assert ["is not a" in line for line in lines] == [True, True, True, True, False]
    assert lines[4] == "1000 3/4"
    assert result.output == 42


def test_keys_that_cannot_cross_are_refused_where_they_are() -> None:
    """A set of more numbers than the host would look up is an error of the program's, which can give a list."""
    program = """
try:
    echo(set(range(40_000)))
except ValueError as error:
    print(error)
print(len(echo(list(range(40_000)))), len(echo(set(map(str, range(40_000))))), len(echo({n: n for n in range(20_000)})))
"""
    with CodeAgent([echo], ScriptedModel([f"```python\n{program}\n```", "```python\nfinal_answer(42)\n```"])) as agent:
        result = agent.run("Go.", return_full_result=True)

    assert "keys that are no texts cannot cross: give lists or pairs" in result.steps[0].output
    assert result.steps[0].output.endswith("40000 40000 20000\n")


def test_values_that_are_too_large_for_a_frame_are_refused_where_they_are() -> None:
    """What the host would not read is an error of the program's, which keeps its interpreter and can give a part."""
    program = """
for value in ("\\u00e9" * 3_000_000, [n / 7 for n in range(1_000_000)], [()] * 400_000):
    try:
        echo(value)
    except ValueError as error:
        print(error)
try:
    final_answer("\\u00e9" * 3_000_000)
except ValueError:
    print(len(echo("\\u00e9" * 2_000_000)), len(echo([n / 7 for n in range(500_000)])), len(echo([(n, n) for n in range(100_000)])))
"""
    with CodeAgent([echo], ScriptedModel([f"```python\n{program}\n```", "```python\nfinal_answer(42)\n```"])) as agent:
        result = agent.run("Go.", return_full_result=True)

    assert result.steps[0].error is None
    assert result.steps[0].output.count("cannot cross: give a part of it, or a summary") == 3
    assert result.steps[0].output.endswith("2000000 500000 100000\n")


@tool
def tables() -> Any:
    """Give what the host would not look up."""
    return [dict.fromkeys(range(40_000)), {Decimal(1): 1, 2**2000: 2}]


def test_the_host_is_believed_and_so_is_its_journal(tmp_path: Path) -> None:
    """What a program may not send it may well be sent, and the run's journal gives that again."""
    code = "```python\nmany, few = tables()\nfinal_answer([len(many), len(few)])\n```"
    journal = str(tmp_path / "runs.db")
    with CodeAgent([tables], ScriptedModel([code]), journal=journal) as agent:
        result = agent.run("Go.", return_full_result=True)
        assert isinstance(result, RunResult)
        assert result.output == [40_000, 2]
        assert agent.resume(result.run_id) == [40_000, 2]


def test_calls_buy_no_time() -> None:
    """A program that always has a call under way, and computes beside it, is interrupted as any other."""
    program = """
import json, os, struct, threading, time
end, number = time.monotonic() + 20, 1000
def read():
    while os.read(3, 1 << 16):
        pass
def ask():
    global number
    while time.monotonic() < end:
        data = b""
        for _ in range(50):
            number += 1
            body = json.dumps({"t": "call", "id": number, "name": "note", "args": [], "kw": {}}).encode()
            data += struct.pack("<I", len(body)) + body
        while data:
            data = data[os.write(3, data):]
for work in (read, ask):
    threading.Thread(target=work, daemon=True).start()
while time.monotonic() < end:
    sum(range(10000))
print("LASTED")
"""

    @tool
    def note() -> None:
        """Do next to nothing."""

    codes = (program, "final_answer(42)", "final_answer(42)")
    model = ScriptedModel([f"```python\n{code}\n```" for code in codes])
    with CodeAgent([note], model, executor=SandboxExecutor(timeout=0.5)) as agent:
        result = agent.run("Go.", return_full_result=True)

    assert "LASTED" not in result.steps[0].output
    assert "KeyboardInterrupt" in (result.steps[0].error or "") or result.steps[0].lost
    assert result.output == 42
