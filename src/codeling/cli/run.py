"""`codeling run`: one task from its words to its answer."""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from typing import Any

from ..lookup import load
from .parser import CODES, Help
from .tasks import task_from

__all__ = ("add", "run")

_ABOUT = f"""\
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

{CODES}"""


def add(commands: Any) -> None:
    """Say what the command takes."""
    command = commands.add_parser(
        "run", usage="codeling run TASK [options]", help="work on a task",
        description="Work on a task and print the answer.", epilog=_ABOUT, formatter_class=Help,
    )  # fmt: skip
    command.set_defaults(command="codeling.cli.run:run")
    command.add_argument("task", nargs="?", help="what to do, in plain words; - reads it from stdin")
    load("codeling.cli.agents:add_agent_options")(command)
    load("codeling.cli.showing:add_output_options")(command)


def run(options: Namespace) -> int:
    """Do what `codeling run` says and give its exit code. Raises what ends a run."""
    task = task_from(options.task)
    agent = load("codeling.cli.agents:agent_from")(options)
    return int(load("codeling.cli.showing:shown")(options, agent, partial(agent.run, task, return_full_result=True)))
