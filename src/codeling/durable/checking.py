"""Whether an agent can go on with a run: it must still have the tools that the run has called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import BadArguments, JournalError
from ..events import Event
from .calls import in_order
from .comparing import call_line

__all__ = ("check_tools",)


def check_tools(agent: Any, past: Sequence[Event], journal: Any) -> None:
    """Raise `JournalError` where a tool that the run has called is gone, or takes other arguments now.

    A call that waits for a person counts too.
    """
    for record in in_order(past, journal.key, waiting=True):
        did = "waits to call" if record.empty else "has called"
        where = f"run {past[0].run_id!r}, step {record.step}, {did} {call_line(record.call)}"
        remedy = f"give the agent that tool, or fork the run before that step: fork({past[0].run_id!r}, {record.step})"
        tool = agent._tools.get(record.call.name)
        if tool is None:
            raise JournalError(f"{where}, and this agent has no tool {record.call.name!r}; {remedy}")
        try:
            tool.bind(record.call.args, record.call.kwargs)
        except BadArguments as error:
            raise JournalError(f"{where}, and that tool takes other arguments now: {error}; {remedy}") from error
