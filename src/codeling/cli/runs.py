"""`codeling runs`: what a journal holds."""

from __future__ import annotations

import argparse
import json
import sys
import time
from argparse import Namespace
from typing import Any

from ..lookup import load
from .stored import add_journal_option, journal_from
from .tables import add_plain, table

__all__ = ("add", "runs")


def add(commands: Any) -> None:
    """Say what the command takes."""
    command = add_plain(commands, "runs", "list the runs of a journal, newest first")
    add_journal_option(command, "the journal that holds them")
    command.add_argument("--json", action="store_true", help="print each run as a line of JSON")
    command.add_argument("--nested", action="store_true", help="also the runs of agents that other agents called")
    command.add_argument("--limit", metavar="N", type=_count, help="the newest N only")


def runs(options: Namespace) -> int:
    """Print the runs of a journal."""
    summaries = load("codeling.journals.archive:summaries")
    found = load("codeling.sync.doors:wait")(
        summaries(journal_from(options), limit=options.limit, nested=options.nested)
    )
    if options.json:
        for run in found:
            print(json.dumps(_data(run), ensure_ascii=False))
    elif found:
        print(table([("RUN", "STATE", "STARTED", "STEPS", "COST", "AGENT", "TASK"), *map(_row, found)]))
    else:
        print("the journal holds no runs", file=sys.stderr)
    return 0


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of runs; give 1 or more")
    return int(text)


def _data(run: Any) -> dict[str, Any]:
    return {
        "run_id": run.run_id, "state": run.state, "task": run.task, "agent": run.agent, "started": run.started,
        "ended": run.ended, "steps": run.steps, "input_tokens": run.usage.input_tokens,
        "output_tokens": run.usage.output_tokens, "cost": run.usage.cost, "parent_id": run.parent_id,
        "error": run.error,
    }  # fmt: skip


def _row(run: Any) -> tuple[str, ...]:
    brief = load("codeling.observers.text:clipped")
    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started))
    cost = f"${run.usage.cost:.4f}" if run.usage.cost else "-"
    task = brief(" ".join(run.task.split())[:60], lines=1)
    return run.run_id, run.state, started, str(run.steps), cost, brief(run.agent[:20], lines=1), task
