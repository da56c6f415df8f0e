"""`codeling replay`: a stored run once more, without the world, to see whether it repeats itself."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from ..errors import JournalError, UsageError
from ..lookup import load
from . import say
from .stored import add_journal_option, add_run_argument, journal_from, read_run
from .tables import add_plain

__all__ = ("add", "replay")

_ABOUT = """\
Its programs run again in a fresh sandbox. What the model replied and what calls returned is recalled: no model is
asked and no tool is called. RUN may also be a file that `codeling export` wrote.

examples:
  codeling replay last --journal runs.db
  codeling export last --journal runs.db > run.jsonl
  codeling replay run.jsonl

exit codes:
  0    it repeated itself
  1    something was different, and is printed
  2    the command was used wrongly
"""


def add(commands: Any) -> None:
    """Say what the command takes."""
    command = add_plain(commands, "replay", "play a stored run again, to see whether it repeats itself", _ABOUT)
    add_run_argument(command)
    add_journal_option(command, "the journal that holds it")
    command.add_argument("--json", action="store_true", help="print each difference as a line of JSON")


def replay(options: Namespace) -> int:
    """Play a run again and print what was different. The exit code is 1 where anything was.

    The run may also be a file that `codeling export` wrote.
    """
    wait, file = load("codeling.sync.doors:wait"), Path(options.run_id)
    if file.is_file():
        try:
            done = load("codeling.testing.replaying:replay")(file)
        except (JournalError, UnicodeError) as error:
            raise UsageError(f"{str(file)!r} is not what `codeling export` writes: {error}") from error
    elif file.suffix == ".jsonl":
        raise UsageError(f"there is no file {str(file)!r}")
    else:
        past = wait(read_run(journal_from(options), options.run_id))
        done = wait(load("codeling.durable.rehearsal:rehearse")(past))
    for event in done.diverged:
        if options.json:
            print(load("codeling.cli.answers:event_text")(event))
        else:
            print(_told(event))
    if done.diverged:
        say(f"run {done.run_id} did not repeat itself: {len(done.diverged)} differences in {done.steps} steps")
        return 1
    say(f"run {done.run_id} repeated itself: {done.steps} steps, no difference")
    return 0


def _told(event: Any) -> str:
    brief = load("codeling.observers.text:brief")
    return (
        f"step {event.step}, {event.what}:\n  stored {brief(event.expected, 400)}\n  now    {brief(event.found, 400)}"
    )
