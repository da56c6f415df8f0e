"""Handing over: an agent passes the conversation on to another one and is done.

`transfer_to_NAME(note)` begins a run of the other agent that has the conversation so far as its past. Its
answer is the answer of the run that handed over, whose program does not go on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from ..errors import EndsRun
from ..events import Event
from ..journals.events import HandedOver
from ..lookup import load
from ..run import running
from ..tools import FunctionTool, Tool
from .managed import named

__all__ = ("Gone", "Transfer", "transfers")


class Gone(EndsRun):
    """The run is done, because another agent has answered for it."""

    state = "success"


class Transfer(FunctionTool):
    """Hands over to an agent. A transfer that was cut off goes on with the other agent's run."""

    resumes: ClassVar[bool] = True

    def __init__(self, agent: Any, giver: Any) -> None:
        self.agent = named(agent)

        async def transfer(note: str) -> None:
            run = running()
            assert run is not None  # a broker makes the call, and it has a run
            talk = await load("codeling.durable.nested:passed_on")(agent, run)
            call = load("codeling.teams.nesting:call")
            result = await call(agent, giver, note, variables=_variables(run.events), talk=talk)
            await run.emit(HandedOver(agent=agent.name, nested=result.run_id, answer=result.output))
            raise Gone(f"handed over to {agent.name!r} (run {result.run_id})")

        about = f"Hand the task over, with all that was said, and be done. {agent.name}: {agent.description}"
        super().__init__(transfer, name=f"transfer_to_{agent.name}", description=about)


def transfers(agents: Iterable[Any], giver: Any) -> list[Tool]:
    """Give a transfer to each agent. Raises `UsageError` for one without a name or a description."""
    return [Transfer(agent, giver) for agent in agents]


def _variables(events: Iterable[Event]) -> dict[str, Any]:
    """Give the variables that the run was given, for the other agent's programs."""
    return {name: value for event in events for name, value in getattr(event, "variables", {}).items()}
