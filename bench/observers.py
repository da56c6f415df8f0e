"""What observers cost a run: the share of a scripted run's time that is spent in them.

A scripted model answers at once, so that the run is as short as a run of 1,000 steps can be. The time
is taken around each call of an observer; what its threads do beside the run is not counted, but what it
writes when the run ends is.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from codeling import CodeAgent, Queued, Reply, TerminalObserver, TraceFile
from codeling.events import Event
from codeling.messages import Request
from codeling.protocols import Observer, OnDelta

from .rows import Row, duration

__all__ = ("rows",)

_STEPS = 1000
_MOST = 0.05
_PROGRAM = "value = look_up(key='pears')\nprint('stock of pears:', value)"


def look_up(key: str) -> int:
    """Give how many are in stock."""
    return {"pears": 12}[key]


class _Script:
    """A model that answers at once, never twice the same."""

    name = "script"
    reads_images = False

    def __init__(self) -> None:
        self.asked = 0

    async def reply(self, _: Request, /, *, on_delta: OnDelta | None = None) -> Reply:
        self.asked += 1
        last = f"final_answer({self.asked})" if self.asked == _STEPS else f"{_PROGRAM}\nprint({self.asked})"
        return Reply(content=f"Look it up.\n```python\n{last}\n```", model=self.name)


class _Timed:
    """Calls an observer and adds up how long it takes."""

    def __init__(self, observer: Observer) -> None:
        self.seconds = 0.0
        self._observer = observer

    def __call__(self, event: Event, /) -> None:
        since = time.perf_counter()
        self._observer(event)
        self.seconds += time.perf_counter() - since


def rows() -> Iterator[Row]:
    """Take one run with each observer."""
    with tempfile.TemporaryDirectory() as folder:
        queued = Queued(TraceFile(Path(folder) / "queued.html"))
        watching: dict[str, Observer] = {
            "plain lines": TerminalObserver(io.StringIO()), "OpenTelemetry": _traced(), "trace file, queued": queued,
            "trace file": TraceFile(Path(folder) / "run.html"),
        }  # fmt: skip
        for name, observer in watching.items():
            spent, whole = _share(observer)
            share = spent / (whole - spent)
            yield Row(
                name=f"{name}: added to a run of {_STEPS:,} steps", ours=f"{duration(spent)} of {duration(whole)}",
                ratio=share, target=f"≤ {_MOST}", met=share <= _MOST,
            )  # fmt: skip
        queued.close()


def _share(observer: Observer) -> tuple[float, float]:
    """Give the seconds spent in an observer, and of the whole run."""
    timed = _Timed(observer)
    agent = CodeAgent([look_up], _Script(), max_steps=_STEPS, observers=[timed])
    since = time.perf_counter()
    agent.run("How many pears are there?")
    whole = time.perf_counter() - since
    agent.close()
    return timed.seconds, whole


def _traced() -> Any:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from codeling import OpenTelemetryObserver

    spans = TracerProvider()
    spans.add_span_processor(BatchSpanProcessor(InMemorySpanExporter()))
    return OpenTelemetryObserver(tracer_provider=spans, meter_provider=MeterProvider([InMemoryMetricReader()]))
