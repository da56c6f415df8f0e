"""`codeling export`: a stored run as lines of JSON, one an event, with its whole values."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ..lookup import load
from .stored import add_journal_option, add_run_argument, journal_from, read_run
from .tables import add_plain

__all__ = ("add", "export")


def add(commands: Any) -> None:
    """Say what the command takes."""
    command = add_plain(commands, "export", "print a stored run as lines of JSON, one an event")
    add_run_argument(command)
    add_journal_option(command, "the journal that holds it")


def export(options: Namespace) -> int:
    """Print the run's events."""
    text = load("codeling.cli.answers:event_text")
    for event in load("codeling.sync.doors:wait")(read_run(journal_from(options), options.run_id)):
        print(text(event))
    return 0
