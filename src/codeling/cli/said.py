"""What a person says on the command line about calls: those that wait for one, and those that were cut off."""

from __future__ import annotations

import json
import shlex
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from ..errors import UsageError
from ..events import ApprovalRequested
from ..lookup import load
from ..messages import ToolCall
from ..protocols import Approval, Approver
from .stored import named_journal

__all__ = ("add_person_options", "approver_said", "how_to_decide", "settled")

_ALL = ""
"""Stands for every tool; no tool is called so."""


def add_person_options(command: Any) -> None:
    """Add what a person may say."""
    person = command.add_argument_group("what a person says")
    person.add_argument("--approve", metavar="TOOL", nargs="*", help="allow calls that wait, of these tools or of all")
    person.add_argument("--deny", metavar="TOOL", nargs="*", help="refuse calls that wait, of these tools or of all")
    person.add_argument("--reason", metavar="TEXT", help="why they are refused; the program sees it")
    person.add_argument(
        "--edit", metavar="TOOL=JSON", action="append", default=[],
        help="allow the first call of the tool that waits, with these arguments instead of its own",
    )  # fmt: skip
    howlong = person.add_mutually_exclusive_group()
    howlong.add_argument("--once", action="store_true", help="only the first call is meant; others wait on")
    howlong.add_argument("--always", action="store_true", help="every further call of the tool in this run too")
    person.add_argument(
        "--settle", metavar="TOOL=WHAT", action="append", default=[],
        help="of a call that was cut off: 'repeat' (it did not happen), 'fail', or the JSON value that it returned",
    )  # fmt: skip


def approver_said(options: Namespace, tools: Iterable[str]) -> Approver | None:
    """Give an approver that says what the person said, and asks at the terminal about the rest.

    Raises `UsageError` for what makes no sense, or speaks of a tool that there is not.
    """
    said, edits = _said(options), {}
    for text in options.edit:
        name, value = _pair(text, "edit", f'{text.partition("=")[0]}={{"to": "Ann"}}')
        if not isinstance(value, dict):
            raise UsageError(f'--edit {text!r}: arguments are an object by their names, such as {{"to": "Ann"}}')
        if name in edits or (name in said and not said[name].approved):
            raise UsageError(f"two things are said about the next call of {name!r}; say one")
        edits[name] = Approval(approved=True, arguments=value)
    _check_names([*said, *edits], tools)
    if not said and not edits:
        return None
    known = _answering(said, edits, once=options.once)
    found: Approver = load("codeling.approvals.answering:first_of")(known, load("codeling.cli.asking:asker")())
    return found


def _said(options: Namespace) -> dict[str, Approval]:
    """Give the decisions by the tools' names. Raises `UsageError`."""
    if options.reason is not None and options.deny is None:
        raise UsageError("--reason says why calls are refused: say --deny too")
    if (options.once or options.always) and options.approve is None and options.deny is None:
        raise UsageError(f"--{'once' if options.once else 'always'} goes with --approve or --deny")
    yes = Approval(approved=True, always=options.always)
    no = Approval(approved=False, reason=options.reason or "refused by a person", always=options.always)
    for name, said, other in (("approve", options.approve, options.deny), ("deny", options.deny, options.approve)):
        if said == [] and other is not None:
            raise UsageError(f"--{name} without a tool means all of them; name the tools to say both")
    if both := set(options.approve or ()) & set(options.deny or ()):
        raise UsageError(f"{both.pop()!r} is both approved and denied; say one")
    return {
        **dict.fromkeys([_ALL] if options.approve == [] else options.approve or (), yes),
        **dict.fromkeys([_ALL] if options.deny == [] else options.deny or (), no),
    }


def _answering(said: Mapping[str, Approval], edits: Mapping[str, Approval], *, once: bool) -> Approver:
    left, first = dict(said), dict(edits)

    async def answer(call: ToolCall, reason: str, /) -> Approval | None:
        if call.name in first:
            return first.pop(call.name)
        name = call.name if call.name in left else _ALL
        return left.pop(name, None) if once else left.get(name)

    return answer


def settled(given: Sequence[str], tools: Iterable[str]) -> dict[str, Any] | None:
    """Give what became of calls that were cut off, by their tools' names. Raises `UsageError`."""
    settlement = load("codeling.durable.settling:Settlement")
    found: dict[str, Any] = {}
    for text in given:
        name, equals, what = text.partition("=")
        if not equals:
            raise UsageError(f"--settle {text!r}: say TOOL=repeat, TOOL=fail or TOOL=JSON, such as order=17")
        found[name] = (
            what if what in ("repeat", "fail") else settlement(value=_pair(text, "settle", f'{name}="text"')[1])
        )
    _check_names(found, tools)
    return found or None


def _pair(text: str, option: str, example: str) -> tuple[str, Any]:
    """Give the name and the JSON value of `TOOL=JSON`. Raises `UsageError`."""
    name, equals, what = text.partition("=")
    if not equals:
        raise UsageError(f"--{option} {text!r}: say TOOL=JSON, such as '{example}'")
    try:
        return name, json.loads(what)
    except ValueError as error:
        raise UsageError(f"--{option} {text!r}: the value is no JSON ({error}); write it so: '{example}'") from error


def _check_names(named: Iterable[str], tools: Iterable[str]) -> None:
    known = list(tools)
    for name in named:
        if name not in (*known, _ALL):
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known) or 'none'}"
            raise UsageError(f"the run's agent has no tool {name!r}; {hint}")


def how_to_decide(options: Namespace, result: Any) -> str:
    """Say by which command a person decides about the call that a run waits for."""
    if not options.journal:
        return "the run is not kept, so it cannot go on: give --journal FILE next time"
    asked = [event.call.name for event in result.events if isinstance(event, ApprovalRequested)]
    named = named_journal(options)
    tool = f" {shlex.quote(asked[-1])}" if asked else ""
    return f"to go on: codeling resume {result.run_id[:12]}{named} --approve{tool} (or --deny, or --edit; see --help)"
