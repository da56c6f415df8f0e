"""A run as a stream of events, with limits on what it may spend.

python examples/watching.py [MODEL]
"""

from __future__ import annotations

import sys

from tables import read_table

from codeling import CodeAgent, CodeStarted, Limits, Model, RunFinished, StepFinished, ToolCallStarted


def main(model: Model | str = "local") -> RunFinished:
    """Print what happens, and give the last event."""
    limits = Limits(model_calls=8, tool_calls=20, seconds=300)
    agent = CodeAgent([read_table], model, limits=limits)
    for event in agent.run("Load the table 'planets'. Which planet has the longest day?", stream=True):
        match event:
            case CodeStarted(step=step, code=code):
                print(f"--- program {step}\n{code}")
            case ToolCallStarted(call=call):
                print(f"--- calls {call.name}{call.args}")
            case StepFinished(output=output, error=error):
                print(f"--- saw {error or output!r}")
            case RunFinished(state=state, output=answer):
                print(f"--- {state}: {answer}")
    return event


if __name__ == "__main__":
    main(*sys.argv[1:])
