"""The journal of a command line, and what the commands about stored runs share."""

from __future__ import annotations

import os
import re
import shlex
from argparse import Namespace
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..lookup import load

__all__ = (
    "VARIABLE",
    "add_journal_option",
    "add_run_argument",
    "journal_from",
    "named_journal",
    "read_run",
    "shown_journal",
)

VARIABLE = "CODELING_JOURNAL"
"""Names the journal where no option does."""


def add_journal_option(command: Any, about: str) -> None:
    """Add `--journal`, whose default is in the environment."""
    command.add_argument(
        "--journal", metavar="FILE", default=os.environ.get(VARIABLE) or None,
        help=f"{about}: an SQLite file, or a postgresql:// address (default: ${VARIABLE})",
    )  # fmt: skip


def add_run_argument(command: Any) -> None:
    """Add the run that is meant."""
    command.add_argument(
        "run_id", metavar="RUN", help="the run's id, as `codeling runs` gives it, the beginning of it, or last"
    )


def journal_from(options: Namespace) -> Any:
    """Open the journal that the options name. Raises `UsageError` where they name none, or none that is there."""
    if not options.journal:
        raise UsageError(f"which journal? Say --journal runs.db, or set {VARIABLE}")
    if Path(options.journal).is_dir():
        raise UsageError(f"{options.journal!r} is a folder; name the file of the journal in it")
    if "://" not in options.journal and not Path(options.journal).is_file():
        raise UsageError(f"there is no journal {options.journal!r}; `codeling run … --journal FILE` makes one")
    return load("codeling.journals.registry:journal_from")(options.journal)


def shown_journal(name: str) -> str:
    """Give the journal's name without a password."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:…@", name)


def named_journal(options: Namespace) -> str:
    """Give the option that names the journal again, where the environment does not."""
    if options.journal == os.environ.get(VARIABLE):
        return ""
    return f" --journal {shlex.quote(shown_journal(options.journal))}"


async def read_run(journal: Any, given: str) -> list[Any]:
    """Give the events of a run by its id, the beginning of it, or `last`. Raises `UsageError`, `JournalError`."""
    if not given:
        raise UsageError("which run? Say its id, as `codeling runs` lists it, or the beginning of it, or last")
    if given == "last":
        newest = await load("codeling.journals.archive:summaries")(journal, limit=1, nested=False)
        if not newest:
            raise UsageError("the journal holds no runs")
        given = newest[0].run_id
    events = [event async for event in journal.read(given)]
    if not events:
        ids = [run_id async for run_id in journal.run_ids() if run_id.startswith(given)]
        if len(ids) > 1:
            raise UsageError(f"{len(ids)} runs begin with {given!r}: {', '.join(ids[:4])}")
        if not ids:
            raise UsageError(f"the journal holds no run {given!r}; `codeling runs` lists those that it holds")
        given = ids[0]
    found: list[Any] = await load("codeling.durable.resume:past_of")(journal, given)
    return found
