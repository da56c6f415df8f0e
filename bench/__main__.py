"""`python -m bench` measures what is quick and prints one table; `--full` adds the tasks with the local model.

Claims come as ratios and medians of this machine, now. Nothing here fails for being slow.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator, Sequence

from .rows import Row, table

_QUICK = (
    "imports",
    "sessions",
    "walls",
    "steps",
    "programs",
    "journals",
    "toolsearch",
    "observers",
)
_NAMED = (*_QUICK, "executors", "fleet")


def main() -> None:
    """Measure, with a line of progress for each part, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"any of {', '.join(_NAMED)}; all but the last two without one"
    )
    parser.add_argument("--full", action="store_true", help="also run the tasks with the local model (an hour or more)")
    parser.add_argument("--threads", type=int, default=2, help="of the model server (2)")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(_NAMED):
        parser.error(f"there is no part {sorted(unknown)[0]!r}; there are {', '.join(_NAMED)}")
    rows = list(_quick(options.parts or _QUICK))
    if options.full:
        from . import agents

        agents.run(agents.AGENTS, tasks="tasks", model="qwen2.5-coder-1.5b", threads=options.threads)
    if options.full or not options.parts:
        rows += _tasks()
    print(table(rows))


def _quick(parts: Sequence[str]) -> Iterator[Row]:
    for part in parts:
        print(f"measuring {part} …", file=sys.stderr, flush=True)
        yield from importlib.import_module(f"bench.{part}").rows()


def _tasks() -> Iterator[Row]:
    """The attempts at the tasks that are kept in `bench/results/`: made by `--full`, not now."""
    from . import agents

    scores = {score.agent: score for score in agents.stored()}
    print(f"Kept attempts at the tasks with the local model:\n{agents.table(scores.values())}", end="\n\n")
    code, calls, peer = (scores[name] for name in agents.AGENTS)
    for ours in (code, calls):
        yield Row(
            name=f"tasks solved by {ours.agent}, of {ours.tasks}", ours=str(ours.solved), peer=str(peer.solved),
            ratio=ours.solved / max(peer.solved, 1), target="≥ 1", met=ours.solved >= peer.solved,
        )  # fmt: skip
        yield Row(
            name=f"seconds of the model server for {ours.agent}", ours=f"{ours.server_seconds:,.0f}",
            peer=f"{peer.server_seconds:,.0f}", ratio=ours.server_seconds / max(peer.server_seconds, 1),
        )  # fmt: skip


if __name__ == "__main__":
    main()
