"""A stored run with the runs below it, for the commands that show it."""

from __future__ import annotations

import heapq
from argparse import Namespace
from typing import Any

from ..events import Event, ToolCallStarted
from ..lookup import load
from .stored import add_journal_option, add_run_argument, journal_from, read_run

__all__ = ("add_run_options", "events_of")

_MOST = 1000
"""Of the newest so many runs, those that say which run they belong to are looked for by that too."""


def add_run_options(command: Any) -> None:
    """Add which run of which journal is meant."""
    add_run_argument(command)
    add_journal_option(command, "the journal that holds it")


def events_of(options: Namespace) -> list[Event]:
    """Give the events of a run and of all runs below it, in the order in which they happened."""
    found: list[Event] = load("codeling.sync.doors:wait")(_events(journal_from(options), options.run_id))
    return found


async def _events(journal: Any, given: str) -> list[Event]:
    summaries = load("codeling.journals.archive:summaries")
    runs = [await read_run(journal, given)]
    below = {run.run_id: run.parent_id for run in await summaries(journal, limit=_MOST, nested=True)}
    known = {runs[0][0].run_id}
    for told in runs:
        named = [event.nested for event in told if isinstance(event, ToolCallStarted) and event.nested]
        for id in [*named, *(id for id, parent in below.items() if parent == told[0].run_id)]:
            events = [] if id in known else [event async for event in journal.read(id)]
            known.add(id)
            if events:
                runs.append(events)
    return list(heapq.merge(*runs, key=lambda event: event.at))
