"""Whether an agent can go on with a run: it must have the tools that the run has called, and those spoken of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from ..errors import BadArguments, JournalError, UsageError
from ..events import Event, RunStarted
from ..forms.settings import tool_names
from .calls import in_order
from .comparing import call_line

__all__ = ("check_names", "check_tools")


async def check_tools(agent: Any, past: Sequence[Event], journal: Any) -> None:
    """Raise `JournalError` where a tool that the run has called is gone, or takes other arguments now.

    A call that waits for a person counts too, and so do the calls of the runs below that are to go on.
    """
    for record in in_order(past, journal.key, waiting=True):
        did = "waits to call" if record.empty else "has called"
        where = f"run {past[0].run_id!r}, step {record.step}, {did} {call_line(record.call)}"
        who, fork = "this agent", f"fork the run before that step: fork({past[0].run_id!r}, {record.step})"
        if isinstance(past[0], RunStarted) and past[0].parent_id:
            who, fork = f"agent {past[0].agent!r}", "fork the run above before the step that called it"
        remedy = f"give the agent that tool, or {fork}"
        tool = agent._tools.get(record.call.name)
        if tool is None:
            raise JournalError(f"{where}, and {who} has no tool {record.call.name!r}; {remedy}")
        try:
            tool.bind(record.call.args, record.call.kwargs)
        except BadArguments as error:
            raise JournalError(f"{where}, and that tool takes other arguments now: {error}; {remedy}") from error
        if tool.resumes and record.started and record.started.nested and not record.finished:
            keeps = tool.agent._journal or journal
            below = [event async for event in keeps.read(record.started.nested)]
            if below:
                await check_tools(tool.agent, below, keeps)


def check_names(agent: Any, said: Any, *, by: str) -> None:
    """Raise `UsageError` where a mapping by tools' names has one that neither the agent nor an agent below has."""
    if not isinstance(said, Mapping):
        return
    known = sorted(tool_names(agent))
    for name in said:
        if name not in known:
            close = get_close_matches(str(name), known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known) or 'none'}"
            raise UsageError(f"{by} speaks of {name!r}, and no agent here has such a tool; {hint}")
