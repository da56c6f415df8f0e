"""One agent's attempts at the tasks: made one by one, stored after each, never made twice.

A results file holds the settings and every attempt with its transcript. A run that was killed goes on
with the first task that is missing; a file with other settings is begun anew. Imports nothing of ours,
for the peer's interpreter loads it too.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from .checks import Task, solved_by
from .server import cpu_seconds

__all__ = ("MAX_STEPS", "MAX_TOKENS", "Attempt", "Ended", "attempt_all", "main", "read")

MAX_STEPS = 6
MAX_TOKENS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What an agent gives back about one task."""

    answer: Any = None
    finished: bool = False
    """Whether the agent answered of its own accord, before its steps were used up."""
    error: str | None = None
    calls: int = 0
    """How often the model was asked."""
    input_tokens: int = 0
    output_tokens: int = 0
    transcript: Sequence[Mapping[str, str | None]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What is stored of one task."""

    task: str
    kind: str
    solved: bool
    finished: bool
    answer: str
    error: str | None
    calls: int
    input_tokens: int
    output_tokens: int
    seconds: float
    server_seconds: float | None
    """Processor time of the model server: what the attempt costs on a machine that is busy with other things too."""
    transcript: Sequence[Mapping[str, str | None]]


Solve: TypeAlias = Callable[[Task], Ended]
"""Works on a task. What goes wrong for the agent is in its result; what it raises is the bench's own trouble and ends it."""


def read(path: Path, settings: Mapping[str, Any]) -> list[Attempt]:
    """Give the attempts stored under these settings; none where the file is missing or of other settings."""
    if not path.is_file():
        return []
    stored = json.loads(path.read_text(encoding="utf-8"))
    return [Attempt(**item) for item in stored["attempts"]] if stored["settings"] == dict(settings) else []


def attempt_all(tasks: Sequence[Task], solve: Solve, *, path: Path, settings: Mapping[str, Any], server: int) -> None:
    """Attempt every task that is not stored yet, and store each at once."""
    attempts = read(path, settings)
    done = {attempt.task for attempt in attempts}
    for number, task in enumerate(tasks, 1):
        if task.name in done:
            continue
        attempts.append(_attempt(task, solve, server))
        _write(path, {"settings": dict(settings), "attempts": [asdict(attempt) for attempt in attempts]})
        print(f"{settings['agent']:20} {number:2}/{len(tasks)} {_line(attempts[-1])}", flush=True)


def main(solver: Callable[[str, str], Solve]) -> None:
    """Be the child process that attempts tasks; `solver` gets the agent's name and the server's URL."""
    parser = argparse.ArgumentParser()
    for name in ("agent", "url", "server", "tasks", "path", "settings"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    tasks = importlib.import_module(f"bench.{options.tasks}").TASKS
    settings = json.loads(options.settings)
    solve = solver(options.agent, options.url)
    attempt_all(tasks, solve, path=Path(options.path), settings=settings, server=int(options.server))


def _attempt(task: Task, solve: Solve, server: int) -> Attempt:
    since, cpu_since = time.perf_counter(), cpu_seconds(server)
    ended = solve(task)
    seconds, cpu = time.perf_counter() - since, cpu_seconds(server)
    return Attempt(
        task=task.name,
        kind=task.kind,
        solved=solved_by(task, ended.answer),
        finished=ended.finished,
        answer=repr(ended.answer)[:300],
        error=ended.error,
        calls=ended.calls,
        input_tokens=ended.input_tokens,
        output_tokens=ended.output_tokens,
        seconds=round(seconds, 2),
        server_seconds=None if cpu is None or cpu_since is None else round(cpu - cpu_since, 2),
        transcript=ended.transcript,
    )


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)


def _line(attempt: Attempt) -> str:
    mark = "solved" if attempt.solved else "FAILED"
    cost = f"{attempt.calls} calls, {attempt.input_tokens}+{attempt.output_tokens} tokens, {attempt.seconds:.0f} s"
    return f"{attempt.task:14} {mark} {cost:40} {attempt.error or attempt.answer:.60}"
