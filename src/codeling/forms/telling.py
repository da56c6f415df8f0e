"""What a step did, in the words that the model reads."""

from __future__ import annotations

import re

from ..events import StepFinished
from .outline import cut

__all__ = ("told",)

_EMPTY = re.compile(r"(?:\A|\n)(?:Empty DataFrame\n.*\n.*|Series\(\[\], .*|(?:np\.float64\()?nan\)?|NaT)\s*\Z")
"""What comes of a condition that holds nowhere in a data frame, where it was shown last."""


def told(finished: StepFinished, *, sees: bool) -> str:
    """Give a step's output, value and error, each cut to what the prompt has room for, and what to do next."""
    parts = []
    if finished.output:
        parts.append(f"Output:\n{cut(finished.output.rstrip(), finished)}")
    if finished.value is not None:
        parts.append(f"Value of the last line:\n{cut(finished.value)}")
    if _EMPTY.search(finished.value or finished.output) and not finished.final:
        parts.append(
            "It is empty: perhaps nothing matched. First print all the data, to see how its values are written."
        )
    if finished.error:
        parts.append(f"Error:\n{cut(finished.error)}")
    if finished.images and not sees:
        parts.append(f"Pictures shown: {len(finished.images)}. You cannot see pictures: print what you need of them.")
    if not parts and not finished.final:
        parts.append("The program ran and printed nothing. Print what you need to see, or call final_answer(x).")
    return "\n".join(parts)
