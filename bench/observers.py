"""What observers cost a run, and how long a browser takes to open the page of a long one.

A scripted model answers at once, so that the run is as short as a run of 1,000 steps can be. What is
compared is processor time, which other work on the machine does not change: that of the calls of an
observer, on the thread of the run, with that of a run without one, on both sides of the wall. What an
observer's threads do beside the run is not in the share; what it writes when the run ends is.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from codeling import CodeAgent, Queued, Reply, TerminalObserver, TraceFile, trace_html
from codeling.events import Event
from codeling.messages import Request
from codeling.protocols import Observer, OnDelta

from .rows import Row, duration

__all__ = ("rows",)

_STEPS = 1000
_MOST = 0.05
_MOST_SECONDS = 2.0
_UNTIL_LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
"""Milliseconds from asking for the page until it is loaded and drawn; its script draws before it is loaded."""
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
        since = time.thread_time()
        self._observer(event)
        self.seconds += time.thread_time() - since


def rows() -> Iterator[Row]:
    """Take one run with each observer."""
    with tempfile.TemporaryDirectory() as folder:
        queued = Queued(TraceFile(Path(folder) / "queued.html"))
        watching: dict[str, Observer] = {
            "plain lines": TerminalObserver(io.StringIO()), "OpenTelemetry": _traced(), "trace file, queued": queued,
            "trace file": TraceFile(Path(folder) / "run.html"),
        }  # fmt: skip
        events: list[Event] = []
        _, whole = _spent(events.append)
        for name, observer in watching.items():
            spent, _ = _spent(observer)
            yield Row(
                name=f"{name}: added to a run of {_STEPS:,} steps", ours=f"{duration(spent)} to {duration(whole)}",
                ratio=spent / whole, target=f"≤ {_MOST}", met=spent / whole <= _MOST,
            )  # fmt: skip
        queued.close()
        yield from _opened(events, Path(folder) / "opened.html")


def _spent(observer: Observer) -> tuple[float, float]:
    """Give the processor seconds spent in an observer's calls, and in the whole run."""
    timed = _Timed(observer)
    agent = CodeAgent([look_up], _Script(), max_steps=_STEPS, observers=[timed])
    since = _processor_seconds()
    agent.run("How many pears are there?")
    whole = _processor_seconds() - since  # before the interpreter of the programs ends: it is counted while it lives
    agent.close()
    return timed.seconds, whole


def _processor_seconds() -> float:
    """Give what this process, those below it and those that have ended below it have used; Linux tells it in /proc."""
    ended = os.times()
    return ended.user + ended.system + ended.children_user + ended.children_system + _below(os.getpid())


def _below(process: int) -> float:
    """Give what the living processes below this one have used."""
    used = 0.0
    for told in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # it has ended meanwhile
            for child in map(int, told.read_text().split()):
                ticks = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[11:15]
                used += sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK") + _below(child)
    return used


def _opened(events: list[Event], path: Path) -> Iterator[Row]:
    """Open the page of a run in Chromium, three times; the quickest is told. Nothing without a browser to drive."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return
    if chromium is None:
        return
    path.write_text(trace_html(events), encoding="utf-8")
    taken = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(3):
            page = browser.new_page()
            page.set_default_timeout(120_000)
            page.goto(path.as_uri())
            taken.append(float(page.evaluate(_UNTIL_LOADED)) / 1000)
            page.close()
        browser.close()
    yield Row(
        name=f"a browser opens the page of {_STEPS:,} steps", ours=duration(min(taken)), target="< 2 s",
        met=min(taken) < _MOST_SECONDS,
    )  # fmt: skip


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
