"""Stored runs as regression tests: their programs run again, and nothing else happens."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..events import Event
from ..lookup import load
from ..result import RunResult

__all__ = ("replay",)


def replay(run: RunResult | Iterable[Event] | str | os.PathLike[str], agent: Any = None) -> Any:
    """Play a run again without the world, and say what was different in `diverged`, which is best empty.

    `run` is a `RunResult`, events, or a file that `codeling export` wrote. Its replies and the
    results of its calls are recalled, its programs run in the sandbox. With the `agent` that made the run,
    its own tools fit the arguments and its checks judge the answer; otherwise any arguments will do.
    Raises `JournalError` for what is no run.
    """
    return load("codeling.sync.doors:wait")(load("codeling.durable.rehearsal:rehearse")(_events(run), agent))


def _events(run: Any) -> Sequence[Event]:
    if isinstance(run, RunResult):
        return run.events
    if not isinstance(run, (str, os.PathLike)):
        return list(run)
    texts = load("codeling.journals.codec:Texts")()
    lines = Path(run).read_text(encoding="utf-8").split("\n")
    return [texts.event(line) for line in lines if line.strip()]
