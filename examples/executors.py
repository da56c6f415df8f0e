"""The same agent in several places: only the executor differs, and tools stay here.

Run it as it is for the places that need nothing, or name others:
`python examples/executors.py docker ssh:user@host e2b`.
"""

from __future__ import annotations

import sys

from codeling import AgentError, CodeAgent, CommandExecutor, Executor, tool
from codeling.testing import ScriptedModel


@tool
def stock(fruit: str) -> int:
    """Give how many of a fruit are in stock."""
    return {"pears": 12, "plums": 30}[fruit]


PROGRAM = """```python
import platform
final_answer((platform.python_version(), stock('pears') + stock('plums')))
```"""


def main() -> None:
    """Run one program in each place."""
    places: list[str | Executor] = [*sys.argv[1:]] or ["sandbox", CommandExecutor([sys.executable])]
    for place in places:
        name = place if isinstance(place, str) else type(place).__name__
        try:
            agent = CodeAgent([stock], ScriptedModel([PROGRAM]), executor=place)
            version, fruit = agent.run("How many fruit are there?")
        except AgentError as error:
            print(f"{name}: {error}")
        else:
            print(f"{name}: {fruit} pieces, counted by Python {version}")


if __name__ == "__main__":
    main()
