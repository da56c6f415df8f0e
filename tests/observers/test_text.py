"""Words for values: safe and short, whatever they are made of."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeling.messages import ToolCall, Usage
from codeling.observers.text import brief, call_text, clipped, duration, usage_text, visible


class Hostile:
    """A value whose description fails."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    """No control, bidirectional or lone surrogate character survives, but for line ends, tabs and joiners."""
    left = {char for char in visible(text) if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")} - {"\n", "\t"}

    assert left == set()
    assert not set(visible(text)) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def test_escapes_can_be_read() -> None:
    """What is made harmless is shown as Python would write it; other text stays as it is."""
    assert visible("\x1b[31mred\x07 \u202eabc \x9b") == "\\x1b[31mred\\x07 \\u202eabc \\x9b"
    assert visible("größe 日本 👩‍👩‍👧\t✓\r\n") == "größe 日本 👩‍👩‍👧\t✓\n"


@pytest.mark.parametrize(
    "value",
    [
        list(range(10**6)),
        "x" * 10**6,
        b"x" * 10**6,
        10**10_000,
        {i: [i] * 100 for i in range(1000)},
        Hostile(),
        [Hostile()],
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_value_has_a_short_line(value: Any) -> None:
    """However large or broken a value is, its description is one short line."""
    text = brief(value)

    assert 0 < len(text) < 220
    assert "\n" not in text


def test_short_values_are_whole_and_in_order() -> None:
    """What is short is shown as Python shows it; a long list says how long it is."""
    assert brief({"b": 1, "a": (2.5, None)}) == "{'b': 1, 'a': (2.5, None)}"
    assert brief(list(range(100))) == "[0, 1, 2, 3, 4, 5, ...] (100 items)"


def test_calls_read_as_python() -> None:
    """A call is shown as it would be written, with the arguments that it is really made with."""
    call = ToolCall(id="1", name="send", args=("a\x1b",), kwargs={"to": [1]})

    assert call_text(call) == "send('a\\x1b', to=[1])"
    assert call_text(call, {"to": [2]}) == "send(to=[2])"


def test_long_texts_say_how_much_is_left_out() -> None:
    """A clipped text has its beginning and the number of characters that are missing."""
    assert clipped("a\nb\nc\nd", lines=2) == "a\nb\n… 4 more characters"
    assert clipped("ab\n", lines=2) == "ab"


def test_amounts() -> None:
    """Times and tokens are given in the units in which they are read best."""
    assert [duration(s) for s in (0.0004, 0.25, 3.14, 75)] == ["0.4 ms", "250 ms", "3.1 s", "1 min 15 s"]
    assert usage_text(Usage(input_tokens=1200, output_tokens=3, cost=0.5)) == "1,200 tokens in, 3 out, $0.5000"
    assert usage_text(Usage()) == ""
