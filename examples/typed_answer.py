"""An answer of a type of your own: it is made to fit, or the model is asked again with the reason.

python examples/typed_answer.py [MODEL]
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from tables import read_table

from codeling import CodeAgent, Model


@dataclass
class Pair:
    """Two planets and how far their orbits are apart."""

    inner: str
    outer: str
    million_km: float


def is_far(answer: Pair) -> bool:
    """Check what no type can say."""
    return answer.million_km > 1000


def main(model: Model | str = "local") -> Pair:
    """Ask for two neighbours among the planets."""
    agent = CodeAgent([read_table], model, result_type=Pair, final_answer_checks=[is_far])
    return agent.run(
        "Load the table 'planets'. Which two neighbouring planets have the orbits that are furthest apart?"
    )


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
