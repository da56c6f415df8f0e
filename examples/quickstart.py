"""One agent, one tool, one question.

python examples/quickstart.py                 a small model on this machine, without a key
python examples/quickstart.py openai:gpt-5    any other
"""

from __future__ import annotations

import sys

from tables import read_table

from codeling import CodeAgent, Model, TerminalObserver


def main(model: Model | str = "local") -> float:
    """Ask for the mean radius of some planets."""
    agent = CodeAgent(tools=[read_table], model=model, observers=[TerminalObserver()])
    return agent.run("Load the table 'planets', and compute the mean radius_km of the planets with more than 10 moons.")


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
