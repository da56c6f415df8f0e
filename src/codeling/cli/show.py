"""`codeling show`: a stored run as it was seen when it ran. Reads the journal and changes nothing."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

from ..errors import UsageError
from ..events import Event, RunFinished, StepStarted
from ..journals.archive import end_of
from ..lookup import load
from .stored import named_journal
from .tables import add_plain
from .told import add_run_options, events_of

__all__ = ("add", "show")

_ABOUT = """\
examples:
  codeling show last --journal runs.db
  codeling show 3f2a --journal runs.db --step 3
"""


def add(commands: Any) -> None:
    """Say what the command takes."""
    about = "show a stored run, or one step of it"
    command = add_plain(commands, "show", about, _ABOUT)
    command.set_defaults(task="")
    add_run_options(command)
    command.add_argument("--step", metavar="N", type=int, help="only this step")
    command.add_argument("--json", action="store_true", help="print the events as lines of JSON")


def show(options: Namespace) -> int:
    """Print a run. Raises `UsageError` for a run or a step that is not there."""
    events = events_of(options)
    if options.step is not None:
        events = _step(events, options.step)
    if options.json:
        text = load("codeling.cli.answers:event_text")
        for event in events:
            print(text(event))
        return 0
    observer = load("codeling.observers.terminal:TerminalObserver")(sys.stdout, live=False)
    for event in events:
        observer(event)
    observer.close()
    if options.step is None and _is_cut_off(events):
        run = f"{events[0].run_id[:12]}{named_journal(options)}"
        print(f"\n  Here it ends: it was cut off, or is still under way. `codeling resume {run}` goes on with it.")
    return 0


def _is_cut_off(events: list[Event]) -> bool:
    """Whether the run went on after its last end, if it has one."""
    mine = [event for event in events if event.run_id == events[0].run_id]
    return end_of(mine) is None


def _step(events: list[Event], number: int) -> list[Event]:
    """Give the events of one step, with what the runs below it did meanwhile."""
    root = events[0].run_id
    marks = [i for i, event in enumerate(events) if isinstance(event, StepStarted) and event.run_id == root]
    steps = [event.step for i, event in enumerate(events) if i in set(marks) and isinstance(event, StepStarted)]
    if number not in steps:
        raise UsageError(
            f"run {root[:12]} has no step {number}; it has {len(steps)} step{'' if len(steps) == 1 else 's'}"
        )
    first = marks[steps.index(number)]
    after = [i for i in marks if i > first] + [
        i for i, event in enumerate(events) if isinstance(event, RunFinished) and event.run_id == root and i > first
    ]
    return events[first : min(after, default=len(events))]
