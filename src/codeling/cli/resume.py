"""`codeling resume`: a stored run from its last event to its answer."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from typing import Any

from ..errors import UsageError
from ..lookup import load
from .parser import CODES, Help
from .stored import add_run_argument, journal_from, read_run

__all__ = ("add", "resume")

_ABOUT = f"""\
A journal holds what happened and not how the agent was made: give the options of `codeling run` again, above
all --tools and --model. They may differ; a tool that the run has called must be there. Calls that finished are
not made again, and what was answered is not asked again. A run that has its answer prints it again.

examples:
  codeling resume 3f2a --journal runs.db --tools mail.py --model openai:gpt-5
  codeling resume 3f2a --tools mail.py --approve send_mail
  codeling resume 3f2a --tools mail.py --deny delete_mail --reason "keep them"
  codeling resume 3f2a --tools shop.py --settle order=repeat
  codeling resume 3f2a --tools shop.py --settle 'order={{"number": 17}}'

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
    person = command.add_argument_group("what a person says")
    person.add_argument("--approve", metavar="TOOL", nargs="*", help="allow calls that wait, of these tools or of all")
    person.add_argument("--deny", metavar="TOOL", nargs="*", help="refuse calls that wait, of these tools or of all")
    person.add_argument("--reason", metavar="TEXT", help="why they are refused; the program sees it")
    person.add_argument(
        "--settle", metavar="TOOL=WHAT", action="append", default=[],
        help="of a call that was cut off: 'repeat' (it did not happen), 'fail', or the JSON value that it returned",
    )  # fmt: skip
    load("codeling.cli.agents:add_agent_options")(command)
    load("codeling.cli.showing:add_output_options")(command)


def resume(options: Namespace) -> int:
    """Do what `codeling resume` says and give its exit code. Raises what ends a run."""
    wait = load("codeling.sync.doors:wait")
    run_id = wait(read_run(journal_from(options), options.run_id))[0].run_id
    answers = _answers(options)
    agent = load("codeling.cli.agents:agent_from")(options)
    work = partial(agent.resume, run_id, approve=answers, settle=_settlements(options.settle), return_full_result=True)
    return int(load("codeling.cli.showing:shown")(options, agent, work))


def _answers(options: Namespace) -> Any:
    """Give what the person said about calls that wait, by tool; the terminal is asked about the others."""
    approval = load("codeling.protocols:Approval")
    yes, no = approval(approved=True), approval(approved=False, reason=options.reason or "refused by a person")
    for name, said in (("--approve", options.approve), ("--deny", options.deny)):
        other = options.deny if name == "--approve" else options.approve
        if said == [] and other is not None:
            raise UsageError(f"{name} without a tool means all of them; name the tools to say both")
    if options.approve == [] or options.deny == []:
        return yes if options.approve == [] else no
    said = {**dict.fromkeys(options.approve or (), yes), **dict.fromkeys(options.deny or (), no)}
    return load("codeling.approvals.answering:first_of")(said, load("codeling.cli.asking:asker")()) if said else None


def _settlements(given: Sequence[str]) -> dict[str, Any] | None:
    settlement = load("codeling.durable.settling:Settlement")
    found: dict[str, Any] = {}
    for text in given:
        name, equals, what = text.partition("=")
        if not equals:
            raise UsageError(f"--settle {text!r}: say TOOL=repeat, TOOL=fail or TOOL=JSON, such as order=17")
        if what in ("repeat", "fail"):
            found[name] = what
            continue
        try:
            found[name] = settlement(value=json.loads(what))
        except ValueError as error:
            raise UsageError(
                f"--settle {text!r}: the value is no JSON ({error}); a text needs quotes: '{name}=\"text\"'"
            ) from error
    return found or None
