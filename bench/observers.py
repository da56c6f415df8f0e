"""What observers cost a run, and how long a browser takes to open the page of a long one.

A scripted model answers at once, so that the run is as short as a run of 1,000 steps can be. Three things
are told of each observer, as a user makes it. On the run's path: the processor time of its calls, on the
thread of the run, of that of a whole run, on both sides of the wall; what its thread does beside the run is
not in it, what the run waits for at its end is in the next. On the wall clock, and in processor time, threads
and all: whole runs with it and without it, in turns, and the median of what each pair differs by. On the
wall clock the thread is free only as far as a core is, and the interpreter, which a run without a model never
leaves: it comes near to what the thread takes of the processor. Last, runs whose replies take 20 ms, less than
any model needs: then the thread has time that nobody else wants.
"""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from codeling import CodeAgent, Reply, TerminalObserver, TraceFile, trace_html
from codeling.events import Event
from codeling.messages import Request
from codeling.protocols import Observer, OnDelta

from .rows import Row, duration

__all__ = ("rows",)

_STEPS = 1000
_MOST = 0.05
_PAIRS = 9
_MOST_SECONDS = 2.0
_SLOW_PAIRS, _FEWER = 5, 150
_REPLY = 0.02
"""Seconds that a reply takes in the slower of the two scripts."""
_UNTIL_LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
"""Milliseconds from asking for the page until it is loaded and drawn; its script draws before it is loaded."""
_PROGRAM = "value = look_up(key='pears')\nprint('stock of pears:', value)"


def look_up(key: str) -> int:
    """Give how many are in stock."""
    return {"pears": 12}[key]


class _Script:
    """A model that answers at once or after so many seconds, never twice the same."""

    name = "script"
    reads_images = False

    def __init__(self, steps: int, delay: float) -> None:
        self._steps, self._delay, self.asked = steps, delay, 0

    async def reply(self, _: Request, /, *, on_delta: OnDelta | None = None) -> Reply:
        self.asked += 1
        if self._delay:
            await asyncio.sleep(self._delay)
        last = f"final_answer({self.asked})" if self.asked == self._steps else f"{_PROGRAM}\nprint({self.asked})"
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
    """Take runs with each observer, and without."""
    with tempfile.TemporaryDirectory() as folder:
        watching: dict[str, Callable[[], Observer]] = {
            "plain lines": lambda: TerminalObserver(io.StringIO()), "OpenTelemetry": _traced,
            "OpenTelemetry, with metrics": partial(_traced, metrics=True),
            "trace file": lambda: TraceFile(Path(folder) / "run.html"),
        }  # fmt: skip
        events: list[Event] = []
        _run([events.append])
        for name, make in watching.items():
            yield from _cost(name, make)
        for name, make in watching.items():
            yield _beside_a_model(name, make)
        yield from _opened(events, Path(folder) / "opened.html")


def _cost(name: str, make: Callable[[], Observer]) -> Iterator[Row]:
    timed = _Timed(make())
    whole = _run([timed]).processor
    share = timed.seconds / whole
    yield Row(
        name=f"{name}: on the path of a run of {_STEPS:,} steps", ours=f"{duration(timed.seconds)} of {duration(whole)}",
        ratio=share, target=f"≤ {_MOST}", met=share <= _MOST,
    )  # fmt: skip
    pairs = [_pair(make, first=bool(number % 2)) for number in range(_PAIRS)]
    wall = statistics.median(seen.wall / bare.wall - 1 for seen, bare in pairs)
    bare = statistics.median(bare.wall for _, bare in pairs)
    yield Row(
        name=f"{name}: added to its wall clock, the model taking no time", ratio=wall,
        ours=f"{wall * bare * 1000:+.0f} ms to {duration(bare)}", target=f"≤ {_MOST}", met=wall <= _MOST,
    )  # fmt: skip
    processor = statistics.median(seen.processor / bare.processor - 1 for seen, bare in pairs)
    yield Row(name=f"{name}: added to its processor time", ours=f"{processor:+.1%}", ratio=processor)


def _beside_a_model(name: str, make: Callable[[], Observer]) -> Row:
    """The same where the model takes its time, in pairs of shorter runs: the machine changes more than what is measured."""
    pairs = [_pair(make, first=bool(number % 2), steps=_FEWER, delay=_REPLY) for number in range(_SLOW_PAIRS)]
    added = statistics.median(seen.wall / bare.wall - 1 for seen, bare in pairs)
    bare = statistics.median(bare.wall for _, bare in pairs)
    return Row(
        name=f"{name}: added to its wall clock, {_FEWER} steps at {duration(_REPLY)} a reply",
        ours=f"{added * bare * 1000:+.0f} ms to {duration(bare)}", ratio=added, target=f"≤ {_MOST}", met=added <= _MOST,
    )  # fmt: skip


def _pair(
    make: Callable[[], Observer], *, first: bool, steps: int = _STEPS, delay: float = 0.0
) -> tuple[_Spent, _Spent]:
    """Take a run with an observer and one without, in either order."""
    if first:
        seen = _run([make()], steps, delay)
        return seen, _run([], steps, delay)
    bare = _run([], steps, delay)
    return _run([make()], steps, delay), bare


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spent:
    """Seconds of one run."""

    wall: float
    processor: float


def _run(observers: list[Observer], steps: int = _STEPS, delay: float = 0.0) -> _Spent:
    agent = CodeAgent([look_up], _Script(steps, delay), max_steps=steps, observers=observers)
    processor, since = _processor_seconds(), time.perf_counter()
    agent.run("How many pears are there?")
    wall = time.perf_counter() - since
    processor = _processor_seconds() - processor  # before the programs' interpreter ends: it is counted while it lives
    agent.close()
    return _Spent(wall=wall, processor=processor)


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


def _traced(*, metrics: bool = False) -> Any:
    """Give an observer whose spans are handed to an exporter, in batches as they are by default, and go nowhere."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    from codeling import OpenTelemetryObserver

    class Nowhere(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    spans = TracerProvider(shutdown_on_exit=False)
    spans.add_span_processor(BatchSpanProcessor(Nowhere()))
    meters = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False) if metrics else None
    return OpenTelemetryObserver(tracer_provider=spans, meter_provider=meters)
