"""smolagents measured from inside its own virtual environment; prints JSON for the other files of the bench."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import smolagents  # type: ignore[import-not-found]  # installed in the peer's environment only
from smolagents.local_python_executor import LocalPythonExecutor  # type: ignore[import-not-found]
from smolagents.monitoring import LogLevel  # type: ignore[import-not-found]

_IMPORTS = ["json", "time", "re", "numpy.*", "pandas.*"]


class _Clock(smolagents.Model):  # type: ignore[misc]
    """A model that answers at once and notes when it was asked."""

    def __init__(self, program: str) -> None:
        super().__init__(model_id="clock")
        self.asked: list[float] = []
        self._reply = f"Look it up.\n<code>\n{program}\n</code>"

    def generate(self, *_: Any, **__: Any) -> Any:
        self.asked.append(time.perf_counter())
        usage = smolagents.TokenUsage(input_tokens=0, output_tokens=0)
        return smolagents.ChatMessage(role=smolagents.MessageRole.ASSISTANT, content=self._reply, token_usage=usage)


def look_up(key: str) -> int:
    """Give how many are in stock.

    Args:
        key: Name of the fruit.
    """
    return {"pears": 12}[key]


def steps(lengths: Sequence[int], source: str) -> list[list[float]]:
    """Say when the model was asked, in a run of each of these lengths."""
    runs = []
    for length in lengths:
        model = _Clock(source)
        tools = [smolagents.tool(look_up)]
        agent = smolagents.CodeAgent(tools=tools, model=model, max_steps=length, verbosity_level=LogLevel.OFF)
        agent.run("Count the pears for ever.")
        runs.append(model.asked)
    return runs


def program(source: str) -> float | str:
    """Run a program that ends in `final_answer(seconds)` in the peer's interpreter; give the seconds, or why not."""
    executor = LocalPythonExecutor(_IMPORTS, timeout_seconds=None)
    executor.send_tools({"final_answer": lambda value: value, "look_up": smolagents.tool(look_up)})
    try:
        return float(executor(source).output)
    except Exception as error:  # whatever its interpreter cannot do
        return f"{type(error).__name__}: {error}"


def main() -> None:
    """Answer on standard output: `steps LENGTH …` and `program` read their program from standard input."""
    what, *lengths = sys.argv[1:]
    source = sys.stdin.read()
    print(json.dumps(steps([int(length) for length in lengths], source) if what == "steps" else program(source)))


if __name__ == "__main__":
    main()
