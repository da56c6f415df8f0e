"""A run is killed at every one of its events, by SIGKILL, and goes on in a new process each time."""

from __future__ import annotations

import multiprocessing
import threading
from ast import literal_eval
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .crashing import ANSWER, EFFECTS, attempt, killed

MOST = 120


@pytest.fixture(scope="module")
def context() -> Any:
    """Processes that are forked from a clean one, which has loaded what they need: they start quickly."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([attempt.__module__])
    return context


def die(context: Any, folder: Path, at: int, **how: bool) -> bool:
    """Go on in a new process until the event `at`; say whether it was killed there."""
    process = context.Process(target=attempt, args=(folder, at), kwargs=how)
    process.start()
    process.join(300)
    assert process.exitcode == 0 or killed(process.exitcode), (folder / "trouble").read_text()
    return killed(process.exitcode)


def chain(context: Any, folder: Path, how: Callable[[int], dict[str, Any]]) -> int:
    """Kill the run again and again, each time a little further on, until it is done. Gives how often."""
    folder.mkdir()
    for times in range(MOST):
        if not die(context, folder, **how(times)):
            return times
    raise AssertionError("the run does not come to its end")


def at_every_event(times: int) -> dict[str, Any]:
    """Let one event more be stored, and die right after it."""
    return {"at": 1}


def when_every_call_has_acted(times: int) -> dict[str, Any]:
    """Die when a call has acted and its end is about to be stored."""
    return {"at": 1, "before": True}


def while_resuming(times: int) -> dict[str, Any]:
    """Let eight events more be stored, die; then die at the first, second and third event of the resumption."""
    return {"at": 8} if times % 4 == 0 else {"at": times % 4, "resuming": True}


@pytest.mark.timeout(900)  # a hundred processes, on whatever else the machine does
def test_a_run_killed_at_every_event_goes_on(tmp_path: Path, context: Any) -> None:
    """Over at least 60 deaths no effect is lost, none is done twice, and the answer is that of a quiet run.

    Calls in sequence, gathered, in threads and of an agent below; the outcomes that no journal can
    know are settled by looking, as a person would.
    """
    ways = {f.__name__: f for f in (at_every_event, when_every_call_has_acted, while_resuming)}
    deaths: dict[str, int] = {}
    first = threading.Thread(
        target=lambda: deaths.update(at_every_event=chain(context, tmp_path / "at_every_event", at_every_event))
    )
    first.start()  # two at a time
    for name in ("when_every_call_has_acted", "while_resuming"):
        deaths[name] = chain(context, tmp_path / name, ways[name])
    first.join()

    assert deaths["at_every_event"] >= 60
    assert deaths["when_every_call_has_acted"] >= 7  # calls made at once may all have acted before the first death
    for name in ways:
        folder = tmp_path / name
        answer, diverged = literal_eval((folder / "answer").read_text())
        assert (name, answer, diverged) == (name, ANSWER, [])
        assert Counter((folder / "effects").read_text().split()) == Counter(EFFECTS), name
