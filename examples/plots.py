"""A table is analysed with pandas and plotted with matplotlib, both behind the wall; the picture is a result.

pip install pandas matplotlib
python examples/plots.py [MODEL]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from codeling import CodeAgent, Model, TerminalObserver

DATA = Path(__file__).parent / "data"


def main(model: Model | str = "local", folder: str | Path = ".") -> Any:
    """Have a table plotted, write the pictures beside this script's caller, and give the answer."""
    import pandas as pd

    agent = CodeAgent(
        tools=[], model=model, observers=[TerminalObserver()],
        instructions="pandas and matplotlib are installed. A figure is shown when it is the last line of a program.",
    )  # fmt: skip
    result = agent.run(
        "Plot moons against radius_km of the planets, then answer with the correlation of the two, to two digits.",
        additional_args={"planets": pd.read_csv(DATA / "planets.csv")}, return_full_result=True,
    )  # fmt: skip
    for number, picture in enumerate(result.artifacts, 1):
        Path(folder, f"plot-{number}.png").write_bytes(picture.data)
    return result.output


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
