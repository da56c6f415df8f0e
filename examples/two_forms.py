"""The same question, answered by programs and by JSON tool calls, and what each has cost.

python examples/two_forms.py [MODEL]
"""

from __future__ import annotations

import sys

from tables import read_table

from codeling import CodeAgent, Model, RunResult, ToolCallingAgent

QUESTION = "Load the table 'moons'. How many moons were discovered before 1700?"


def main(by_programs: Model | str = "local", by_calls: Model | str = "local") -> list[RunResult]:
    """Give both results."""
    agents = [CodeAgent([read_table], by_programs), ToolCallingAgent([read_table], by_calls)]
    results = [agent.run(QUESTION, return_full_result=True) for agent in agents]
    for agent, result in zip(agents, results, strict=True):
        tokens = result.usage.total_tokens
        print(f"{type(agent).__name__}: {result.output} after {len(result.steps)} steps and {tokens:,} tokens")
    return results


if __name__ == "__main__":
    main(*sys.argv[1:2] * 2)
