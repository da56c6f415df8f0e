"""Words for what a run did: values, calls, times and sizes, safe to show and never long.

What programs, tools and models wrote can hold sequences that move the cursor, retitle the window or
turn the reading direction round; `visible` makes them harmless. Nothing here may raise, whatever
it is given, and nothing knows how it will be shown.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Mapping
from functools import cache
from itertools import islice
from typing import Any

from ..lookup import load
from ..messages import Image, ToolCall, Usage

__all__ = (
    "brief",
    "call_text",
    "clipped",
    "duration",
    "image_text",
    "in_words",
    "told",
    "unkept",
    "usage_text",
    "visible",
)

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Control, bidirectional and invisible characters; the joiners of scripts and emoji are left alone."""


_MOST_NAMES = 9


def visible(text: str) -> str:
    """Give the text with everything that a terminal would obey, or that nobody would see, as an escape."""
    if text.isascii() and (text.isprintable() or text.replace("\n", "").isprintable()):  # most are: it is cheap to see
        return text
    return _UNSAFE.sub(_escape, text.replace("\r\n", "\n"))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def clipped(text: str, *, lines: int, characters: int = 4000) -> str:
    """Give the beginning of a text, made visible, and say how much more there is."""
    whole = text.strip("\n")
    kept = whole[:characters].split("\n", lines)[:lines]
    shown = "\n".join(kept)
    left = len(whole) - len(shown)
    return visible(shown) + (f"\n… {left:,} more characters" if left else "")


class _Brief(reprlib.Repr):
    """What is said of values; it holds no state, so that one of a length serves every thread."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.maxlevel, self.maxdict, self.maxlist, self.maxtuple, self.maxset = 4, 8, 6, 6, 6
        self.maxstring = self.maxother = self.maxlong = most

    def repr_dict(self, value: dict[Any, Any], level: int) -> str:
        """Keep the order of the keys."""
        if level <= 0:
            return "{…}"
        items = [f"{self.repr1(key, level - 1)}: {self.repr1(item, level - 1)}" for key, item in
                 islice(value.items(), self.maxdict)]  # fmt: skip
        return "{" + ", ".join([*items, "…"] if len(value) > self.maxdict else items) + "}"

    def repr_instance(self, value: Any, level: int) -> str:
        """Cover what is secret in an object that is no data before its text is cut."""
        text = str(load("codeling.secrets.masking:masked")(repr(value)))
        half = (self.maxother - 3) // 2
        return text if len(text) <= self.maxother else f"{text[:half]}...{text[-half:]}"

    def repr_bytes(self, value: bytes, level: int) -> str:
        """Say the beginning of the bytes only: their whole repr could be four times a gigabyte."""
        return (
            repr(value)
            if len(value) <= self.maxother // 4
            else f"{value[: self.maxother // 8]!r}… ({len(value):,} bytes)"
        )


_brief = cache(_Brief)
_PLAIN = frozenset((bool, float, type(None)))
"""Values of these are short and safe as Python writes them."""


def brief(value: Any, most: int = 160) -> str:
    """Give a value as one short line."""
    if type(value) in _PLAIN or (type(value) is int and value.bit_length() < most):
        return repr(value)
    try:
        text = _table(value) or _brief(most).repr(value)
    except Exception:  # noqa: BLE001 - foreign code: any __repr__, or a number with more digits than Python prints
        text = f"<{type(value).__name__}>"
    text = visible(" ".join(text.split()))
    if len(text) <= most and "..." not in text:
        return text
    size = f" ({len(value):,} items)" if isinstance(value, list | tuple | set | frozenset | dict) else ""
    return (text if len(text) <= most else f"{text[: most - 1]}…") + size


def _table(value: Any) -> str | None:
    """Give a table of pandas by its size and its columns: in one line its cells would say nothing."""
    kind = type(value)
    if kind.__name__ not in ("DataFrame", "Series") or kind.__module__.partition(".")[0] != "pandas":
        return None
    rows, *columns = value.shape
    size = f"{rows:,} row{'' if rows == 1 else 's'}"
    if not columns:
        return f"<Series, {size}>"
    more = ", …" if columns[0] > _MOST_NAMES else ""
    return f"<DataFrame, {size}: {', '.join(map(str, value.columns[:_MOST_NAMES]))}{more}>"


def told(value: Any, *, lines: int, characters: int = 1500) -> str:
    """Give a value as a person reads it, over several lines where it has them: a text as it is, a table as one."""
    if isinstance(value, str):
        return clipped(value, lines=lines, characters=characters)
    try:
        text = str(value) if _table(value) else ""
    except Exception:  # noqa: BLE001 - foreign code, as in `brief`
        text = ""
    return f"\n{clipped(text, lines=lines, characters=characters)}" if text else brief(value, 600)


def in_words(value: Any, write: Callable[[Any], str] = str) -> str:
    """Give a value as `write` writes it, or as one short line where it cannot be written so."""
    try:
        return write(value)
    except Exception:  # noqa: BLE001 - foreign code, as in `brief`
        return brief(value, 4000)


def call_text(call: ToolCall, arguments: Mapping[str, Any] | None = None) -> str:
    """Give a call as it would be written in Python, its long arguments shortened."""
    named = call.kwargs if arguments is None else arguments
    given = [brief(arg, 80) for arg in call.args] if arguments is None else []
    given += [f"{visible(str(name))}={brief(value, 80)}" for name, value in named.items()]
    return f"{visible(call.name)}({', '.join(given)})"


def duration(seconds: float) -> str:
    """Give a time in the unit in which it is read best."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.1f} ms" if seconds < 0.00995 else f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60} min {int(seconds) % 60} s"


def unkept(output: str, size: int) -> int:
    """Give how many bytes a program printed beyond those that were kept."""
    kept = len(output) if output.isascii() else len(output.encode("utf-8", "surrogatepass"))
    return max(0, size - kept) if size else 0


def usage_text(usage: Usage) -> str:
    """Give the tokens, and the money where a price is known; nothing where no tokens are known."""
    if not usage.total_tokens:
        return ""
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    cost = f", ${usage.cost:.4f}" if usage.cost else ""
    return f"{usage.input_tokens:,} tokens in{cached}, {usage.output_tokens:,} out{cost}"


def image_text(image: Image) -> str:
    """Give a picture as a note; it cannot be shown here."""
    return f"[picture: {visible(image.media_type)}, {len(image.data) / 1000:,.1f} kB]"
