"""The commands, and what is common to them. Runs nothing.

A command is one file: `add(commands)` says what it takes, and the function that it names does the work.
Those files import little at their top, because asking for help imports them all.
"""

from __future__ import annotations

import argparse
import textwrap
from typing import Any

from .. import __version__
from ..lookup import load

__all__ = ("CODES", "COMMANDS", "Help", "parser")

COMMANDS = (
    "run", "browse", "serve", "resume", "fork", "runs", "show", "trace", "export",
    "replay", "doctor", "models", "executors",
)  # fmt: skip
"""In the order in which help lists them; each is a file of this folder."""
CODES = """\
exit codes:
  0    there is an answer
  1    the run failed
  2    the command was used wrongly
  3    a limit or --max-steps ended the run; the best answer so far is printed
  4    the run waits for a person to decide about a call
  130  interrupted
"""
_MAIN = f"""\
examples:
  codeling run "What is the 50th Fibonacci number?"
  codeling run "Which planet has the most moons?" --tools examples/tables.py
  codeling runs --journal runs.db
  codeling doctor

{CODES.replace("failed", "failed; with replay, it did not repeat itself")}"""


class Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the layout of lists and examples, wraps sentences, and has room for the longest option."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, **options, max_help_position=28)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        parts = [part if "\n  " in part else textwrap.fill(part, width) for part in text.split("\n\n")]
        return textwrap.indent("\n\n".join(parts), indent)


def parser() -> argparse.ArgumentParser:
    """Give the parser; what it parses holds `command`, the `module:function` that does the work."""
    whole = argparse.ArgumentParser(
        prog="codeling", description="Small agents that act in Python, behind a real wall.", epilog=_MAIN,
        formatter_class=Help,
    )  # fmt: skip
    whole.add_argument("--version", action="version", version=f"codeling {__version__}")
    commands = whole.add_subparsers(
        title="commands", metavar="COMMAND [options]", required=True, parser_class=load("codeling.cli.tasks:TaskParser")
    )
    for name in COMMANDS:
        load(f"codeling.cli.{name}:add")(commands)
    return whole
