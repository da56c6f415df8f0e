"""`codeling resume`: a stored run from its last event to its answer."""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from typing import Any

from ..lookup import load
from .parser import CODES, Help
from .stored import add_run_argument, journal_from, read_run

__all__ = ("add", "resume")

_ABOUT = f"""\
A run that a command began has its options: model, tools, executor and so on. What is given here holds instead,
and from now on. For a run that another program began, say --model and --tools; tools that it has called must be
there. Calls that finished are not made again, and what was answered is not asked again. A run that has its
answer prints it again.

examples:
  codeling resume 3f2a --journal runs.db --approve send_mail
  codeling resume 3f2a --approve send_mail --once
  codeling resume 3f2a --edit 'send_mail={{"to": "ann@example.org", "text": "Hello"}}'
  codeling resume 3f2a --deny delete_mail --reason "keep them"
  codeling resume 3f2a --settle order=repeat
  codeling resume 3f2a --settle 'order={{"number": 17}}'
  codeling resume 3f2a --model openai:gpt-5

{CODES}"""


def add(commands: Any) -> None:
    """Say what the command takes."""
    command = commands.add_parser(
        "resume", usage="codeling resume RUN [options]", help="go on with a stored run",
        description="Go on with a stored run that was cut off or waits for a person, and print the answer.",
        epilog=_ABOUT, formatter_class=Help,
    )  # fmt: skip
    command.set_defaults(command="codeling.cli.resume:resume")
    add_run_argument(command)
    load("codeling.cli.said:add_person_options")(command)
    load("codeling.cli.agents:add_agent_options")(command, stored=True, steps=False)
    load("codeling.cli.showing:add_output_options")(command)


def resume(options: Namespace) -> int:
    """Do what `codeling resume` says and give its exit code. Raises what ends a run."""
    past = load("codeling.sync.doors:wait")(read_run(journal_from(options), options.run_id))
    started = past[0]
    options.resumed, options.max_steps = started.run_id, started.max_steps
    if result := load("codeling.durable.resume:finished")(started.run_id, past):
        return int(load("codeling.cli.showing:told_again")(options, result))
    load("codeling.cli.described:take_over")(options, past)
    with load("codeling.cli.browse:opened")(options) as (agent, _):
        answers = load("codeling.cli.said:approver_said")(options, agent._tools)
        settle = load("codeling.cli.said:settled")(options.settle, agent._tools)
        work = partial(agent.resume, started.run_id, approve=answers, settle=settle, return_full_result=True)
        return int(load("codeling.cli.showing:shown")(options, agent, work))
