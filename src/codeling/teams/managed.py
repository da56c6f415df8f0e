"""An agent as a function that another agent's program calls."""

from __future__ import annotations

from typing import Any, ClassVar

from ..errors import EndsRun, RunPaused, ToolError, UsageError
from ..lookup import load
from ..tools import FunctionTool, Tool

__all__ = ("ManagedAgent", "managed")


class ManagedAgent(FunctionTool):
    """An agent as a tool. Each call is a run of its own; a call that was cut off goes on with its run."""

    resumes: ClassVar[bool] = True

    def __init__(self, agent: Any) -> None:
        self.agent = agent

        async def delegate(task: str, additional_args: dict[str, Any] | None = None) -> Any:
            try:
                return await load("codeling.durable.nested:run_nested")(agent, task, additional_args)
            except RunPaused:
                raise
            except EndsRun as error:
                where = f" (run {error.result.run_id})" if error.result else ""
                raise ToolError(f"agent {agent.name!r} failed{where}: {error}") from error

        super().__init__(delegate, name=agent.name, description=agent.description)


def managed(agent: Any) -> Tool:
    """Make a tool of an agent. Raises `UsageError` for one without a name or a description."""
    if not agent.name or not agent.description:
        raise UsageError("a managed agent needs name='…' and description='…': its manager calls it by them")
    return ManagedAgent(agent)
