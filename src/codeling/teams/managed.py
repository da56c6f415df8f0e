"""An agent as a function that another agent's program calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ..errors import UsageError
from ..lookup import load
from ..tools import FunctionTool, Tool

__all__ = ("ManagedAgent", "helpers", "named")

_VALUES = "What is given by name, such as rows=rows, becomes a variable of its programs."
_ON = "reset=False goes on with what was said in the last call."


class ManagedAgent(FunctionTool):
    """An agent as a tool. Each call is a run of its own; a call that was cut off goes on with its run."""

    resumes: ClassVar[bool] = True

    def __init__(self, agent: Any, manager: Any) -> None:
        self.agent = named(agent)

        async def delegate(task: str, *, reset: bool = True, **values: Any) -> Any:
            call = load("codeling.teams.nesting:call")
            return (await call(self.agent, manager, task, variables=_variables(values), reset=reset)).output

        if agent.result_type is not None:
            delegate.__annotations__["return"] = agent.result_type
        super().__init__(delegate, name=agent.name, description=f"{agent.description}\n\n{_VALUES} {_ON}")


def helpers(manager: Any) -> list[Tool]:
    """Give the tools by which an agent calls others, and hands over to others.

    Raises `UsageError` for what is no agent, and for an agent without a name or a description.
    """
    tools: list[Tool] = [ManagedAgent(agent, manager) for agent in _agents(manager, "managed_agents")]
    if handoffs := _agents(manager, "handoffs"):
        tools += load("codeling.teams.handoffs:transfers")(handoffs, manager)
    return tools


def _agents(manager: Any, setting: str) -> tuple[Any, ...]:
    given = getattr(manager, setting) or ()
    if not isinstance(given, Iterable):
        raise UsageError(f"{setting} is a list of agents: write {setting}=[…]")
    return tuple(given)


def named(agent: Any) -> Any:
    """Give the agent. Raises `UsageError` for what is none, and for one without a name or a description."""
    if not callable(getattr(agent, "arun", None)):
        raise UsageError(f"this is no agent that another one could call: {agent!r}; a function goes into tools=[…]")
    if agent.name == "final_answer":
        raise UsageError("an agent cannot be called 'final_answer': by that name programs give their answer")
    if not agent.name or not agent.description:
        raise UsageError("an agent that others call needs name='…' and description='…': they know it by them")
    return agent


def _variables(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give the values by their names; `additional_args={…}` holds more of them."""
    more = values.get("additional_args")
    return (
        {**{k: v for k, v in values.items() if k != "additional_args"}, **more}
        if isinstance(more, dict)
        else {**values}
    )
