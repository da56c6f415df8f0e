"""A writer who manages a researcher: typed facts come back from each question, and the program goes on with them.

python examples/writer.py [MODEL]
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from tables import read_table

from codeling import CodeAgent, Model, TerminalObserver


@dataclass(frozen=True)
class Fact:
    """One fact, with the table that it is from."""

    text: str
    table: str


def main(model: Model | str = "local", researcher_model: Model | str | None = None) -> Any:
    """Have a short text written from researched facts."""
    researcher = CodeAgent(
        tools=[read_table], model=researcher_model or model, name="researcher", result_type=list[Fact],
        description="Answers a question from the tables 'planets' and 'moons', as a list of facts.",
    )  # fmt: skip
    writer = CodeAgent(
        tools=[], model=model, managed_agents=[researcher], observers=[TerminalObserver()], planning_interval=5,
        instructions="Ask the researcher for facts, several questions at once, and again where facts are missing.",
    )  # fmt: skip
    return writer.run("Write three sentences about the largest planets and their moons, with the tables as sources.")


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
