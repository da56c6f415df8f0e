"""What a journal costs: the same steps with and without one, beside LangGraph's SQLite checkpointer.

The peer has no journal of calls; its checkpointer stores one state a step, which is what is compared.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from codeling.events import (
    CodeStarted,
    Event,
    ModelReplied,
    StepFinished,
    StepStarted,
    ToolCallFinished,
    ToolCallStarted,
)
from codeling.journals.sqlite import SQLiteJournal
from codeling.messages import Reply, ToolCall, Usage

from .environment import python_with
from .rows import Row

__all__ = ("rows",)

STEPS = 1000
_PEER = """
import operator, sys, time
from typing import Annotated, TypedDict
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph

class State(TypedDict):
    step: int
    text: str

def build(saver):
    graph = StateGraph(State)
    graph.add_node("step", lambda state: {"step": state["step"] + 1, "text": "x" * 500})
    graph.add_edge(START, "step")
    graph.add_conditional_edges("step", lambda state: END if state["step"] >= STEPS else "step")
    return graph.compile(checkpointer=saver)

STEPS = int(sys.argv[2])
config = {"configurable": {"thread_id": "a"}, "recursion_limit": STEPS + 10}
def seconds(saver):
    graph = build(saver)
    since = time.perf_counter()
    graph.invoke({"step": 0, "text": ""}, config)
    return time.perf_counter() - since
bare = min(seconds(None) for _ in range(3))
with SqliteSaver.from_conn_string(sys.argv[1]) as saver:
    kept = seconds(saver)
print((kept - bare) / STEPS * 1000)
"""


def rows() -> Iterator[Row]:
    """Give the milliseconds that a step and a call cost on SQLite, and the peer's for a step."""
    with tempfile.TemporaryDirectory() as folder:
        step = _milliseconds(Path(folder) / "steps.db", _step)
        call = _milliseconds(Path(folder) / "calls.db", _call)
        peer = _peer(Path(folder) / "peer.db")
    yield Row(
        name="journal: ms a step on SQLite (LangGraph: its checkpointer)", ours=f"{step:.3f}",
        peer=f"{peer:.3f}" if peer else "-", ratio=step / peer if peer else None, target="≤ 0.5 ms", met=step <= 0.5,
    )  # fmt: skip
    yield Row(name="journal: ms a call on SQLite", ours=f"{call:.3f}", target="≤ 0.15 ms", met=call <= 0.15)


def _step(number: int) -> list[Event]:
    """The events of a step without calls, as a run writes them."""
    reply = Reply(
        content=f"Let me see.\n```python\nprint({number})\n```", usage=Usage(input_tokens=900, output_tokens=20)
    )
    return [
        StepStarted(run_id="a", step=number),
        ModelReplied(run_id="a", reply=reply),
        CodeStarted(run_id="a", step=number, code=f"print({number})"),
        StepFinished(run_id="a", step=number, code=f"print({number})", output="x" * 500, size=500),
    ]


def _call(number: int) -> list[Event]:
    """The events of a call."""
    call = ToolCall(id=f"1.{number}.{number}", name="add", args=(number, 1))
    return [
        ToolCallStarted(run_id="a", call=call),
        ToolCallFinished(run_id="a", call_id=call.id, value=number + 1, seconds=0.001),
    ]


def _milliseconds(path: Path, events: Callable[[int], list[Event]]) -> float:
    """The median time in which the events of one step or call are stored."""
    journal = SQLiteJournal(path)
    times = []

    async def work() -> None:
        for number in range(STEPS):
            made = events(number)
            since = time.perf_counter()
            for event in made:
                await journal.append(event)
            times.append(time.perf_counter() - since)

    asyncio.run(work())
    journal.close()
    return statistics.median(times) * 1000


def _peer(path: Path) -> float | None:
    """The milliseconds that a checkpoint adds to a step of the peer, in an environment of its own."""
    python = python_with("langgraph-1.2", "langgraph>=1.2,<1.3", "langgraph-checkpoint-sqlite")
    done = subprocess.run(
        [str(python), "-c", _PEER, str(path), str(STEPS)], capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode:
        print(f"the peer failed: {done.stderr[-500:]}", file=sys.stderr)
        return None
    return float(done.stdout)
