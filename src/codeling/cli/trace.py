"""`codeling trace`: a stored run as one page for a browser. Reads the journal and writes the page."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..lookup import load
from . import say
from .tables import add_plain
from .told import add_run_options, events_of

__all__ = ("add", "trace")

_ABOUT = """\
The page needs no server and loads nothing. A run that was cut off is shown as far as it came.

examples:
  codeling trace last --journal runs.db --html run.html
  codeling trace 3f2a --journal runs.db --html - > run.html
"""


def add(commands: Any) -> None:
    """Say what the command takes."""
    about = "write a stored run as one HTML page"
    command = add_plain(commands, "trace", about, _ABOUT)
    command.set_defaults(task="")
    add_run_options(command)
    command.add_argument("--html", metavar="FILE", help="where to write it; - is stdout (RUN.html)")


def trace(options: Namespace) -> int:
    """Write the page of a run and say where it is. Raises `UsageError` for a run that is not there."""
    events = events_of(options)
    page = load("codeling.observers.trace_file:trace_html")(events)
    if options.html == "-":
        sys.stdout.write(page)
        return 0
    path = Path(options.html or _file_of(events[0].run_id))
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the page cannot be written to {str(path)!r}: {error.strerror}") from error
    say(f"run {events[0].run_id[:12]} is in {path}")
    return 0


def _file_of(run_id: str) -> str:
    """Give a file's name in this folder, whatever somebody has written into the journal as the run's id."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", run_id[:12]) + ".html"
