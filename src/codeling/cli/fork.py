"""`codeling fork`: a new run that has the first steps of a stored one as its past."""

from __future__ import annotations

import sys
from argparse import Namespace
from functools import partial
from typing import Any

from ..errors import UsageError
from ..lookup import load
from .parser import CODES, Help
from .stored import add_run_argument, journal_from, read_run

__all__ = ("add", "fork")

_ABOUT = f"""\
The new run has its own id; the stored one stays as it is. What happened before step N is recalled and not done
again; from there on it happens anew, with the options of the stored run, or with those that are given here.

examples:
  codeling fork 3f2a --step 3 --journal runs.db --model openai:gpt-5
  codeling fork 3f2a --step 1 --task "The same for 2025" --instructions "Be brief."
  codeling fork 3f2a --step 2 --observation "The file is not there."
  codeling fork 3f2a --step 2 --reply - < better.md

{CODES}"""


def add(commands: Any) -> None:
    """Say what the command takes."""
    command = commands.add_parser(
        "fork", usage="codeling fork RUN --step N [options]", help="begin a new run at a step of a stored one",
        description="Begin a new run that has the first steps of a stored one as its past, and print its answer.",
        epilog=_ABOUT, formatter_class=Help,
    )  # fmt: skip
    command.set_defaults(command="codeling.cli.fork:fork")
    add_run_argument(command)
    other = command.add_argument_group("what is different")
    count = load("codeling.cli.agents:count")
    other.add_argument("--step", metavar="N", type=count, required=True, help="the first step that happens anew")
    other.add_argument("--task", metavar="TEXT", dest="other_task", help="another task")
    instead = other.add_mutually_exclusive_group()
    instead.add_argument("--reply", metavar="TEXT", help="the model's reply at step N; - reads it from stdin")
    instead.add_argument("--observation", metavar="TEXT", help="what the model saw of step N, which is past then")
    load("codeling.cli.agents:add_agent_options")(command, stored=True)
    load("codeling.cli.showing:add_output_options")(command)


def fork(options: Namespace) -> int:
    """Do what `codeling fork` says and give its exit code. Raises what ends a run."""
    past = load("codeling.sync.doors:wait")(read_run(journal_from(options), options.run_id))
    load("codeling.cli.described:take_over")(options, past)
    reply = sys.stdin.read() if options.reply == "-" else options.reply
    for name, text in (("task", options.other_task), ("reply", reply)):
        if text is not None and not text.strip():
            raise UsageError(f"--{name} is empty: give a text, or leave the option out")
    with load("codeling.cli.browse:opened")(options) as (agent, _):
        work = partial(
            agent.fork, past[0].run_id, options.step, task=options.other_task, reply=reply,
            observation=options.observation, return_full_result=True,
        )  # fmt: skip
        return int(load("codeling.cli.showing:shown")(options, agent, work))
