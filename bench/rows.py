"""The one table that `make bench` prints, and what a row of it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ("Row", "aligned", "duration", "table")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One claim: what was measured, beside the peer or plain CPython, and whether it is as it should be."""

    name: str
    ours: str
    peer: str = ""
    ratio: float | None = None
    """Of what the name says; `target` is about this number where there is one."""
    target: str = ""
    met: bool | None = None


def duration(seconds: float) -> str:
    """Write seconds with a unit that fits."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}"
    raise AssertionError


def table(rows: Iterable[Row]) -> str:
    """Write the rows under their heads."""
    head = ("name", "ours", "peer", "ratio", "target", "met?")
    return "\n".join(aligned([head, *map(_cells, rows)]))


def aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Give the rows as lines, the first cell to the left and all others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *rest in rows:
        cells = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        yield "  ".join((first.ljust(widths[0]), *cells))


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.ratio is None else f"{row.ratio:.3g}"
    return (row.name, row.ours, row.peer, ratio, row.target, {True: "yes", False: "NO", None: ""}[row.met])
