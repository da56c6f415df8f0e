"""Agents beside each other on the same tasks, weights and server settings.

`python -m bench.agents` runs the judged tasks; `--tasks tasks_dev` those for tuning. Each agent is a
child process in its own environment; all ask one local model server, one agent after the other. What
was attempted is kept in `bench/results/`, so a killed run goes on; `--again NAME` forgets one agent's.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeling.models import weights

from .attempts import MAX_STEPS, MAX_TOKENS, Attempt, read
from .environment import PEER, ROOT, peer_python
from .rows import aligned
from .server import CONTEXT, serving

__all__ = ("AGENTS", "RESULTS", "Score", "run", "score_of", "table")

AGENTS = ("codeling-code", "codeling-calls", "smolagents-code")
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One agent's attempts, added up."""

    agent: str
    tasks: int
    solved: int
    finished: int
    """How many were solved of the agent's own accord, not by the answer asked for after the last step."""
    calls: int
    input_tokens: int
    output_tokens: int
    seconds: float
    server_seconds: float


def run(agents: Sequence[str], *, tasks: str, model: str, threads: int) -> list[Score]:
    """Have each agent attempt what it has not attempted yet, and give all their scores."""
    with serving(weights.fetch(model), threads=threads) as (url, server):
        for agent in agents:
            _attempt(agent, url, server, tasks=tasks, model=model, threads=threads)
    return [score_of(agent, tasks=tasks, model=model, threads=threads) for agent in agents]


def score_of(agent: str, *, tasks: str, model: str, threads: int) -> Score:
    """Add up what is stored of an agent."""
    return _score(agent, read(_path(agent, tasks, model), _settings(agent, tasks, model, threads)))


def stored() -> list[Score]:
    """Add up the attempts at the judged tasks that are kept in `bench/results/`, whatever their settings."""
    found = []
    for agent in AGENTS:
        path = _path(agent, "tasks", "qwen2.5-coder-1.5b")
        if path.exists():
            settings = json.loads(path.read_text(encoding="utf-8"))["settings"]
            found.append(_score(agent, read(path, settings)))
    return found


def table(scores: Iterable[Score]) -> str:
    """Write the scores as one table."""
    head = ("agent", "tasks", "solved", "of own accord", "calls", "tokens in", "tokens out", "seconds", "server CPU s")
    return "\n".join(aligned([head, *map(_cells, scores)]))


def _attempt(agent: str, url: str, server: int, *, tasks: str, model: str, threads: int) -> None:
    ours = agent.startswith("codeling")
    python, module = (Path(sys.executable), "bench.ours") if ours else (peer_python(), "bench.peer")
    settings = json.dumps(_settings(agent, tasks, model, threads))
    options = {"agent": agent, "url": url, "server": str(server), "tasks": tasks, "settings": settings}
    options["path"] = str(_path(agent, tasks, model))
    flags = [part for name, value in options.items() for part in (f"--{name}", value)]
    subprocess.run([python, "-m", module, *flags], check=True, cwd=ROOT)


def _settings(agent: str, tasks: str, model: str, threads: int) -> Mapping[str, Any]:
    settings = {"agent": agent, "tasks": tasks, "model": model, "threads": threads, "context": CONTEXT}
    version = {} if agent.startswith("codeling") else {"version": PEER[0]}
    return {**settings, **version, "temperature": 0, "max_steps": MAX_STEPS, "max_tokens": MAX_TOKENS}


def _path(agent: str, tasks: str, model: str) -> Path:
    return RESULTS / f"{tasks}-{model}-{agent}.json"


def _score(agent: str, attempts: Sequence[Attempt]) -> Score:
    return Score(
        agent=agent,
        tasks=len(attempts),
        solved=sum(attempt.solved for attempt in attempts),
        finished=sum(attempt.solved and attempt.finished for attempt in attempts),
        calls=sum(attempt.calls for attempt in attempts),
        input_tokens=sum(attempt.input_tokens for attempt in attempts),
        output_tokens=sum(attempt.output_tokens for attempt in attempts),
        seconds=sum(attempt.seconds for attempt in attempts),
        server_seconds=sum(attempt.server_seconds or 0 for attempt in attempts),
    )


def _cells(score: Score) -> tuple[str, ...]:
    counts = (score.tasks, score.solved, score.finished, score.calls, score.input_tokens, score.output_tokens)
    return (score.agent, *(f"{count:,}" for count in counts), f"{score.seconds:,.0f}", f"{score.server_seconds:,.0f}")


def main() -> None:
    """Run the agents that are named, or all, and print their table."""
    parser = argparse.ArgumentParser(prog="python -m bench.agents", description=main.__doc__)
    parser.add_argument("agents", nargs="*", metavar="AGENT", help=f"any of {', '.join(AGENTS)}")
    parser.add_argument("--tasks", choices=("tasks", "tasks_dev"), default="tasks")
    parser.add_argument("--model", choices=tuple(weights.KNOWN), default="qwen2.5-coder-1.5b")
    parser.add_argument("--threads", type=int, default=2, help="of the model server, for every agent (2)")
    parser.add_argument(
        "--again", action="append", default=[], metavar="AGENT", help="forget what this agent attempted"
    )
    options = parser.parse_args()
    if unknown := [name for name in (*options.agents, *options.again) if name not in AGENTS]:
        parser.error(f"no agent is called {unknown[0]!r}; there are {', '.join(AGENTS)}")
    for agent in options.again:
        _path(agent, options.tasks, options.model).unlink(missing_ok=True)
    agents = tuple(options.agents) or AGENTS
    print(table(run(agents, tasks=options.tasks, model=options.model, threads=options.threads)))


if __name__ == "__main__":
    main()
