"""A Gradio Space as a tool: what it takes is read off the app itself; pictures go there and come back.

python examples/space_tool.py [MODEL] [SPACE]

A Space is named like `"black-forest-labs/FLUX.1-schnell"`; the address of any running Gradio app does as well.
"""

from __future__ import annotations

import sys
from typing import Any

from codeling import CodeAgent, Model, TerminalObserver, Tool


def main(
    model: Model | str = "local", space: str = "http://127.0.0.1:7860", task: str = "Greet Ada three times."
) -> Any:
    """Have an agent call the first endpoint of the app."""
    found = Tool.from_space(space)
    print(found.stub)
    agent = CodeAgent(tools=[found], model=model, observers=[TerminalObserver()])
    return agent.run(task)


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
