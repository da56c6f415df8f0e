"""Many files summarised side by side: one program calls an agent for each, all at once.

python examples/summaries.py [MODEL]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from codeling import CodeAgent, Limits, Model, TerminalObserver

DOCS = Path(__file__).parents[1] / "docs"


def main(model: Model | str = "local", reader_model: Model | str | None = None) -> Any:
    """Give a sentence about each page of the documentation, by its name."""
    reader = CodeAgent(
        tools=[], model=reader_model or model, name="reader", result_type=str,
        description="Reads one text, its variable `text`, and gives a summary of one sentence.",
    )  # fmt: skip
    agent = CodeAgent(
        tools=[], model=model, managed_agents=[reader], limits=Limits(model_calls=200),
        observers=[TerminalObserver()], result_type=dict[str, str],
    )  # fmt: skip
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
    task = "Have the reader summarise all the texts at the same time (asyncio.gather); give the summaries by name."
    return agent.run(task, additional_args={"texts": texts})


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
