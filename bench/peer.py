"""smolagents on our tasks. Runs in the peer's own virtual environment, which `bench/environment.py` prepares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import smolagents  # type: ignore[import-not-found]  # installed in the peer's environment only
from smolagents.monitoring import LogLevel  # type: ignore[import-not-found]

from .attempts import MAX_STEPS, MAX_TOKENS, Ended, Solve, main
from .checks import Task

IMPORTS = [
    "calendar",
    "dateutil.*",
    "decimal",
    "fractions",
    "functools",
    "json",
    "numpy.*",
    "operator",
    "pandas.*",
    "string",
]
"""Beside the peer's own list: all that these tasks could want, and nothing that touches this machine."""


class _Counted(smolagents.OpenAIModel):  # type: ignore[misc]
    """Counts its own calls and tokens, so that nothing the agent asks goes uncounted."""

    calls = input_tokens = output_tokens = 0

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        message = super().generate(*args, **kwargs)
        self.calls += 1
        self.input_tokens += message.token_usage.input_tokens
        self.output_tokens += message.token_usage.output_tokens
        return message


def solver(_: str, url: str) -> Solve:
    """Give a function that works on one task with a fresh `CodeAgent`."""

    def solve(task: Task) -> Ended:
        model = _Counted("local", api_base=url, api_key="x", temperature=0, max_tokens=MAX_TOKENS)
        agent = smolagents.CodeAgent(
            tools=[smolagents.tool(function) for function in task.tools],
            model=model,
            max_steps=MAX_STEPS,
            additional_authorized_imports=IMPORTS,
            verbosity_level=LogLevel.OFF,
        )
        error = answer = None
        try:
            answer = agent.run(task.question)
        except Exception as raised:  # whatever the agent raises is its failure; its costs still count
            error = f"{type(raised).__name__}: {raised}"
        steps = [step for step in agent.memory.steps if isinstance(step, smolagents.ActionStep)]
        return Ended(
            answer=answer,
            finished=any(step.is_final_answer for step in steps),
            error=error,
            calls=model.calls,
            input_tokens=model.input_tokens,
            output_tokens=model.output_tokens,
            transcript=[_told(step) for step in steps],
        )

    return solve


def _told(step: Any) -> Mapping[str, str | None]:
    seen = step.observations or (str(step.error.message) if step.error else None)
    return {"reply": str(step.model_output), "seen": seen and seen[:1000]}


if __name__ == "__main__":
    main(solver)
