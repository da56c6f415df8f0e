"""A chat that remembers: each turn goes on with the words and the variables of the last one.

python examples/chat.py [MODEL]
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from codeling import CodeAgent, Model


def chat(model: Model | str, said: Iterable[str]) -> Iterator[Any]:
    """Answer each thing that is said."""
    with CodeAgent(tools=[], model=model, instructions="You are chatting. Keep what you learn in variables.") as agent:
        for number, text in enumerate(said):
            yield agent.run(text, reset=number == 0)


def main(model: Model | str = "local") -> None:
    """Chat until the input ends."""
    print("Say something; end with Ctrl-D.")
    for answer in chat(model, map(str.strip, sys.stdin)):
        print(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
