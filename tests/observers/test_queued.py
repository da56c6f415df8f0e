"""Observers that are slow, raise or are many: runs are not harmed."""

from __future__ import annotations

import threading
import time

import pytest

from codeling import Queued, RunFinished, RunStarted
from codeling.events import CodeOutput, Event, StepStarted, ToolCallFinished, ToolCallStarted

from .helpers import agent, run, team


def test_a_raising_observer_harms_no_run(caplog: pytest.LogCaptureFixture) -> None:
    """What an observer raises is logged; the run and the other observers go on."""
    seen: list[Event] = []

    def broken(event: Event) -> None:
        raise RuntimeError("I am broken")

    result = run(team(observers=[broken, Queued(broken), seen.append]))

    assert result.output == {"a": 1}
    assert len([event for event in seen if event.durable and event.run_id == result.run_id]) == len(result.events)
    assert "I am broken" in caplog.text


def test_a_slow_observer_does_not_hold_a_run_up() -> None:
    """A run ends while a slow observer in a queue is still at its first event; `close` waits for it."""
    go, seen = threading.Event(), list[Event]()

    def slow(event: Event) -> None:
        go.wait(60)
        seen.append(event)

    queued = Queued(slow)
    result = run(agent("print(double(1))", "final_answer(1)", observers=[queued]))
    assert seen == []
    go.set()

    assert queued.close(60)
    assert [event for event in seen if event.durable] == list(result.events)
    assert threading.current_thread().name not in {type(event).__name__ for event in seen}


def test_a_full_queue_leaves_out_what_matters_least() -> None:
    """Pieces of output go first; past the limit whole events do, and they are counted."""
    go, seen = threading.Event(), list[Event]()

    def slow(event: Event) -> None:
        go.wait(60)
        seen.append(event)

    queued = Queued(slow, most=10)
    queued(RunStarted(task="x"))
    until = time.monotonic() + 30
    while queued._later.waiting and time.monotonic() < until:
        time.sleep(0.01)  # the thread has taken the first event and waits in it
    for _ in range(20):
        queued(CodeOutput(text="x"))
    for step in range(20):
        queued(StepStarted(step=step))
    go.set()

    assert queued.close(60)
    assert [type(event).__name__ for event in seen].count("CodeOutput") == 5
    assert [event.step for event in seen if isinstance(event, StepStarted)] == [0, 1, 2, 3, 4]
    assert queued.lost == 30


def test_closing_twice_and_going_on() -> None:
    """A queue that was closed can be used again."""
    seen: list[Event] = []
    queued = Queued(seen.append)
    assert queued.close()
    queued(RunStarted(task="a"))
    assert queued.close()
    queued(RunFinished(state="success"))
    assert queued.close()

    assert len(seen) == 2


def test_who_may_be_called_from_any_thread() -> None:
    """An observer hears everything on the run's own thread, unless its `anywhere` is true; the order is the same."""

    class Anywhere(list[Event]):
        anywhere = True

        def __call__(self, event: Event, /) -> None:
            threads.add(threading.get_ident())
            self.append(event)

    program = "for number in range(50):\n    double(number)\nfinal_answer(1)"
    threads: set[int] = set()
    seen = Anywhere()
    result = run(agent(program, observers=[seen]))
    free, threads = len(threads), set()
    bound = Anywhere()
    bound.anywhere = False
    run(agent(program, observers=[bound]))

    assert (free > 1, len(threads)) == (True, 1)
    assert [type(event) for event in seen if event.durable] == [type(event) for event in result.events]
    calls = [event for event in seen if isinstance(event, (ToolCallStarted, ToolCallFinished))]
    assert [type(event) for event in calls] == [ToolCallStarted, ToolCallFinished] * 50
