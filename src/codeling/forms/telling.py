"""What a step did, in the words that the model reads."""

from __future__ import annotations

from ..events import StepFinished
from .outline import cut

__all__ = ("told",)


def told(finished: StepFinished, *, sees: bool) -> str:
    """Give a step's output, value and error, each cut to what the prompt has room for, and what to do next."""
    parts = []
    if finished.output:
        parts.append(f"Output:\n{cut(finished.output.rstrip(), finished)}")
    if finished.value is not None:
        parts.append(f"Value of the last line:\n{cut(finished.value)}")
    if finished.error:
        parts.append(f"Error:\n{cut(finished.error)}")
    if finished.images and not sees:
        parts.append(f"Pictures shown: {len(finished.images)}. You cannot see pictures: print what you need of them.")
    if not parts and not finished.final:
        parts.append("The program ran and printed nothing. Print what you need to see, or call final_answer(x).")
    elif not finished.error and not finished.final:
        parts.append("Now call final_answer(value) with the answer, or compute what is missing for it first.")
    return "\n".join(parts)
