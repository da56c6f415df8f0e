"""An agent that calls another one as a function. Each has its own tools, model, conversation and interpreter.

python examples/team.py [MODEL]
"""

from __future__ import annotations

import sys
from typing import Any

from tables import read_table

from codeling import CodeAgent, Model, TerminalObserver


def main(model: Model | str = "local", helper_model: Model | str | None = None) -> Any:
    """Have a manager write a sentence from what its astronomer finds out."""
    astronomer = CodeAgent(
        tools=[read_table],
        model=helper_model or model,
        name="astronomer",
        description="Answers one question about planets or moons from the tables 'planets' and 'moons'.",
    )
    manager = CodeAgent(tools=[], model=model, managed_agents=[astronomer], observers=[TerminalObserver()])
    return manager.run("Ask the astronomer which moon has the largest radius, and answer in one short sentence.")


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
