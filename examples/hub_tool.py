"""A tool that somebody published, used without trusting its code: it runs behind the wall, in a session of its own.

python examples/hub_tool.py [MODEL] [SPACE]

Without a Space such as `"someone/some-tool"`, a tool is saved into a folder and taken from there: a folder and a Space
hold the same files. `Tool.push_to_hub("you/your-tool")` publishes one.
"""

from __future__ import annotations

import sys
import tempfile
from typing import Any

from codeling import CodeAgent, Model, TerminalObserver, Tool, tool


@tool(effect="read")
def days_of(name: str, speed: float = 1.0) -> float:
    """Give how many days the way to a planet takes, at so many million kilometres a day.

    Args:
        name: The planet's name, such as 'Mars'.
        speed: Millions of kilometres a day.

    """
    distances = {"Venus": 41.0, "Mars": 78.0, "Jupiter": 628.0}
    return distances[name] / speed


def main(model: Model | str = "local", space: str | None = None) -> Any:
    """Have an agent call the tool."""
    with tempfile.TemporaryDirectory() as folder:
        if space:
            found = Tool.from_hub(space)
        else:
            days_of.save(folder)
            found = Tool.from_folder(folder)
        agent = CodeAgent(tools=[found], model=model, observers=[TerminalObserver()])
        return agent.run("How many days does the way to Mars take at 2 million kilometres a day?")


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
