"""An agent as a function that another agent's program calls."""

from __future__ import annotations

from typing import Any

from ..errors import EndsRun, RunPaused, ToolError, UsageError
from ..tools import FunctionTool, Tool

__all__ = ("managed",)


def managed(agent: Any) -> Tool:
    """Make a tool of an agent. Each call is a run of its own. Raises `UsageError` for one without a name."""
    if not agent.name or not agent.description:
        raise UsageError("a managed agent needs name='…' and description='…': its manager calls it by them")

    async def delegate(task: str, additional_args: dict[str, Any] | None = None) -> Any:
        try:
            return await agent.arun(task, additional_args=additional_args, return_full_result=False)
        except RunPaused:
            raise
        except EndsRun as error:
            where = f" (run {error.result.run_id})" if error.result else ""
            raise ToolError(f"agent {agent.name!r} failed{where}: {error}") from error

    return FunctionTool(delegate, name=agent.name, description=agent.description)
