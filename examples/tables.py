"""A tool that reads the tables in `examples/data`. The demo uses it: `codeling run "…" --tools examples/tables.py`.

The programs of an agent cannot open files of this machine; this function can, and only these.
"""

from __future__ import annotations

import csv
from pathlib import Path

from codeling import tool

DATA = Path(__file__).parent / "data"


@tool(effect="read")
def read_table(name: str) -> list[dict[str, str | float | None]]:
    """Read a table: a list of rows, each a dict from column name to text, number or None.

    Args:
        name: The table's name, such as 'planets'.

    """
    tables = {path.stem: path for path in sorted(DATA.glob("*.csv"))}
    if name not in tables:
        raise ValueError(f"there is no table {name!r}; there are: {', '.join(tables)}")
    with tables[name].open(encoding="utf-8", newline="") as file:
        return [{column: _cell(text) for column, text in row.items()} for row in csv.DictReader(file)]


def _cell(text: str) -> str | float | None:
    """Read one cell: numbers as numbers, nothing as None."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None
