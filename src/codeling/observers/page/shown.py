"""Values as what a page can show: text, tables and pictures, each cut to a size that a page can bear.

What comes in is hostile: values of tools and programs, live objects too. Nothing here raises, and
what comes out is JSON data that the page puts in as text, never as markup.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from ...messages import Image
from ..text import brief, image_text, visible

__all__ = ("Shown", "cut", "picture", "pieces", "shown")

Shown: TypeAlias = "dict[str, Any]"
"""One of `{"text": …}`, `{"table": …}` and `{"image": …}`."""

MOST_TEXT = 8_000
MOST_ROWS, MOST_COLUMNS, MOST_CELL = 100, 30, 200
MOST_PICTURE = 4 << 20
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""Pictures that hold no script."""


def cut(text: str, most: int = MOST_TEXT) -> str:
    """Give a text made visible; of a long one both ends, and how much is left out between them."""
    if len(text) <= most:
        return visible(text)
    head, tail = most * 3 // 4, most // 4
    return f"{visible(text[:head])}\n[… {len(text) - head - tail:,} characters are left out …]\n{visible(text[-tail:])}"


def pieces(output: str, lines: Sequence[tuple[int, int]], most: int = 20_000) -> list[tuple[int, str]]:
    """Give an output in the pieces that each line of the program printed; line 0 where that is not known."""
    if not output:
        return []
    data = output if output.isascii() else output.encode("utf-8", "surrogatepass")
    if sum(size for _, size in lines) != len(data):
        return [(0, cut(output, most))]
    found, start = [], 0
    for line, size in lines:
        piece = data[start : start + size]
        text = piece if isinstance(piece, str) else piece.decode("utf-8", "replace")
        found.append((line, cut(text, min(max(most, 200), 4000))))
        start, most = start + size, most - size
    return found


def picture(image: Image) -> Shown:
    """Give a picture as data of the page, or as a note where it is too large or might hold more than a picture."""
    if image.media_type not in _PICTURES or len(image.data) > MOST_PICTURE:
        return {"text": image_text(image)}
    return {"image": f"data:{image.media_type};base64,{base64.b64encode(image.data).decode('ascii')}"}


def shown(value: Any, most: int = MOST_TEXT) -> Shown:
    """Give a value as a picture, a table or a text."""
    if isinstance(value, str):
        return {"text": cut(value, most), "is": "str"}
    if value is None or isinstance(value, bool | int | float):
        return {"text": brief(value, most)}
    if isinstance(value, Image):
        return picture(value)
    try:
        return _library(value) or _rows(value) or {"text": _long(value, most)}
    except Exception:  # noqa: BLE001  # foreign code: any value's own methods
        return {"text": brief(value)}


def _long(value: Any, most: int) -> str:
    """Give a value as text over several lines, where one line would not hold it."""
    text = brief(value, most)
    if len(text) <= 100 or not isinstance(value, Mapping | list | tuple) or len(value) > 200:
        return text
    items = (
        [f"{brief(key)}: {brief(item, 500)}" for key, item in value.items()]
        if isinstance(value, Mapping)
        else [brief(item, 500) for item in value]
    )
    ends = "{}" if isinstance(value, Mapping) else "[]" if isinstance(value, list) else "()"
    return f"{ends[0]}\n" + "".join(f"  {item},\n" for item in items)[: most * 2] + ends[1]


def _library(value: Any) -> Shown | None:
    """Give what pandas, numpy and Pillow hold."""
    home, kind = type(value).__module__.partition(".")[0], type(value).__name__
    if home == "PIL" and hasattr(value, "save"):
        buffer = io.BytesIO()
        value.save(buffer, format="png")
        return picture(Image(buffer.getvalue()))
    if home == "pandas" and kind == "Series":
        name = "value" if value.name is None else str(value.name)
        return (
            _library(value.head(MOST_ROWS).to_frame(name)) if len(value) <= MOST_ROWS else _frame(value.to_frame(name))
        )
    if home == "pandas" and kind == "DataFrame":
        return _frame(value)
    if home == "numpy" and getattr(value, "ndim", 0) == 2 and value.shape[1] <= MOST_COLUMNS:
        rows = value[:MOST_ROWS].tolist()
        return _table([str(i) for i in range(value.shape[1])], rows, *value.shape)
    return None


def _frame(value: Any) -> Shown:
    part = value.iloc[:MOST_ROWS, :MOST_COLUMNS]
    names = ["", *map(str, part.columns.tolist())]
    rows = [[index, *row] for index, row in zip(part.index.tolist(), part.to_numpy().tolist(), strict=True)]
    return _table(names, rows, *value.shape)


def _rows(value: Any) -> Shown | None:
    """Give a list of dicts with the same few keys as a table."""
    if not (isinstance(value, list) and len(value) > 1 and all(type(row) is dict for row in value[:MOST_ROWS])):
        return None
    names = list(value[0])
    if not 1 < len(names) <= MOST_COLUMNS or any(list(row) != names for row in value[:MOST_ROWS]):
        return None
    return _table(list(map(str, names)), [list(row.values()) for row in value[:MOST_ROWS]], len(value), len(names))


def _table(columns: list[str], rows: list[list[Any]], height: int, width: int) -> Shown:
    cells = [[cell_text(cell) for cell in row] for row in rows]
    size = f"{height:,} rows by {width:,} columns"
    return {"table": {"columns": [cut(name, 80) for name in columns], "rows": cells, "size": size}}


def cell_text(cell: Any) -> str:
    """Give one cell: a text as it is, a number to ten digits, anything else in short."""
    if isinstance(cell, float) and len(str(cell)) > 12:
        return f"{cell:.10g}"
    return cut(cell, MOST_CELL) if isinstance(cell, str) else brief(cell, MOST_CELL)
