"""Answers from documents: the agent searches as often as it needs, and its answer says where it stands.

python examples/retrieval.py [MODEL]
"""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeling import CodeAgent, Model, TerminalObserver, tool

DOCS = Path(__file__).parents[1] / "docs"


@dataclass(frozen=True)
class Answer:
    """An answer and the pages that it was found on."""

    text: str
    sources: list[str]


def words(text: str) -> list[str]:
    """Give the words of a text."""
    return re.findall(r"[a-z_]{2,}", text.lower())


def passages(folder: Path) -> list[tuple[str, str]]:
    """Give the name and text of every paragraph of a folder's pages."""
    paths = sorted(folder.glob("*.md"))
    return [(path.name, part) for path in paths for part in path.read_text(encoding="utf-8").split("\n\n")]


PASSAGES = passages(DOCS)
COUNTS = [Counter(words(text)) for _, text in PASSAGES]
RARITY = {word: math.log(len(COUNTS) / n) for word, n in Counter(w for counts in COUNTS for w in counts).items()}


@tool(effect="read")
def search(query: str, most: int = 5) -> list[dict[str, str]]:
    """Give the paragraphs of the documents that fit best, each with its 'page' and 'text'."""
    wanted = words(query)
    scores = [sum(counts[w] and RARITY[w] * (1 + math.log(counts[w])) for w in wanted) for counts in COUNTS]
    best = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)[:most]
    return [{"page": PASSAGES[i][0], "text": PASSAGES[i][1]} for i in best if scores[i] > 0]


def main(model: Model | str = "local") -> Any:
    """Ask the documentation of codeling something."""

    def comes_from_the_documents(answer: Answer) -> bool:
        return bool(answer.sources) and set(answer.sources) <= {page for page, _ in PASSAGES}

    agent = CodeAgent(
        tools=[search], model=model, result_type=Answer, final_answer_checks=[comes_from_the_documents],
        observers=[TerminalObserver()],
    )  # fmt: skip
    return agent.run("Which argument of an agent limits what a run may spend? Search, read, and name your sources.")


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
