"""What the command takes, and how it is explained. Runs nothing."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import __version__

__all__ = ("parser",)

_CODES = """\
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
  codeling doctor

{_CODES}"""
_RUN = f"""\
The answer alone goes to stdout, the steps go to stderr. Without --model a small model works on this
machine, without a key or an account; its weights are fetched on the first use, which says so.

examples:
  codeling run "What is the sum of all primes below 1000?"
  codeling run "Which planet has the longest day?" --tools examples/tables.py
  codeling run "Summarise this log" --model openai:gpt-5 --journal runs.db
  codeling run "Sort these words" --model openai:qwen3 --api-base http://localhost:8080/v1
  git log -5 | codeling run - --instructions "Write a changelog of it." > changes.txt
  codeling run "How many days until 2030?" --json | tail -1

tools:
  NAME         a tool of codeling, by the name of its class
  FILE.py      every tool that the file defines: functions with @tool, subclasses of Tool
  module:name  one of an importable module: a tool, a typed function, or a list of them

{_CODES}"""


class _Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the layout of the texts, and room for the longest option."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, **options, max_help_position=28)


class _Parser(argparse.ArgumentParser):
    """Puts a task right that a list of tools or imports before it has swallowed."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        options, rest = super().parse_known_args(args, namespace)
        if getattr(options, "task", "") is None:
            options.task = _swallowed(options.tools) or _swallowed(options.imports)
            if options.task is None:
                self.error('a task is missing: codeling run "What is …?" (or - to read it from stdin)')
        return options, rest


def parser() -> argparse.ArgumentParser:
    """Give the parser; what it parses holds `command`, the `module:function` that does the work."""
    whole = argparse.ArgumentParser(
        prog="codeling", description="Small agents that act in Python, behind a real wall.", epilog=_MAIN,
        formatter_class=_Help,
    )  # fmt: skip
    whole.add_argument("--version", action="version", version=f"codeling {__version__}")
    commands = whole.add_subparsers(title="commands", metavar="COMMAND [options]", required=True, parser_class=_Parser)
    _add_run(commands)
    for name, about in {
        "doctor": "say what works on this machine: the wall, extras, weights",
        "models": "list the short names for --model",
        "executors": "list the short names for --executor",
    }.items():
        command = commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
        command.set_defaults(command=f"codeling.cli.{'doctor' if name == 'doctor' else 'names'}:{name}")
    return whole


def _add_run(commands: Any) -> None:
    run = commands.add_parser(
        "run", usage="codeling run TASK [options]", help="work on a task",
        description="Work on a task and print the answer.", epilog=_RUN, formatter_class=_Help,
    )  # fmt: skip
    run.set_defaults(command="codeling.cli.running:run")
    run.add_argument("task", nargs="?", help="what to do, in plain words; - reads it from stdin")
    agent = run.add_argument_group("the agent")
    agent.add_argument("--model", metavar="NAME", help="a short name, such as openai:gpt-5 (default: local)")
    agent.add_argument("--tools", metavar="TOOL", nargs="+", action="extend", default=[], help="what programs may call")
    agent.add_argument(
        "--agent", choices=("code", "calls"), default="code", help="act by programs, or by JSON tool calls"
    )
    agent.add_argument("--instructions", metavar="TEXT", help="what the model is told besides the task")
    agent.add_argument(
        "--max-steps", metavar="N", type=_count, default=20, help="after N steps ask for the best answer (20)"
    )
    programs = run.add_argument_group("programs")
    programs.add_argument("--executor", metavar="NAME", help="where programs run (default: sandbox)")
    programs.add_argument(
        "--imports", metavar="MODULE", nargs="*", action="extend",
        help="programs may import the standard library and these only; by default whatever is installed",
    )  # fmt: skip
    server = run.add_argument_group("the model's server")
    server.add_argument("--api-base", metavar="URL", help="its address, for any server that speaks OpenAI's dialect")
    server.add_argument("--api-key-env", metavar="VAR", help="the environment variable that holds its key")
    output = run.add_argument_group("output")
    output.add_argument("--journal", metavar="FILE", help="keep the run's events in this SQLite file")
    output.add_argument("--quiet", action="store_true", help="show no steps, only the answer")
    output.add_argument("--json", action="store_true", help="print every event as a line of JSON instead of the answer")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of steps; give 1 or more")
    return int(text)


def _swallowed(values: Sequence[str] | None) -> str | None:
    """Take the last value away if it can only have been meant as the task."""
    if not values or re.fullmatch(r"[\w.:/\\-]+", values[-1]) or Path(values[-1]).exists():
        return None
    assert isinstance(values, list)
    return str(values.pop())
