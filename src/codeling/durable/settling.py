"""What a person or a rule says about a call that was begun and is not known to have finished."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ..errors import UsageError
from ..messages import ToolCall

__all__ = ("Rule", "Settlement", "check", "said")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of a call: it returned `value`, it failed with `error`, or it never acted and is to be repeated."""

    value: Any = None
    error: str | None = None
    repeat: bool = False


Answer: TypeAlias = "Settlement | Literal['repeat', 'fail'] | None"
Rule: TypeAlias = "Answer | Mapping[str, Answer] | Callable[[ToolCall], Answer | Awaitable[Answer]]"
"""One answer for all such calls, or one by the tool's name, or a function of the call; None leaves it open."""

_WORDS = {
    "repeat": Settlement(repeat=True),
    "fail": Settlement(error="ToolError: the call was cut off, and a person said that it failed"),
}


async def said(rule: Rule | None, call: ToolCall) -> Settlement | None:
    """Give what a rule says about a call, or None. Raises `UsageError` for an answer that is none."""
    answer: Any = rule
    if callable(rule):
        answer = rule(call)
        answer = await answer if inspect.isawaitable(answer) else answer
    elif isinstance(rule, Mapping):
        answer = rule.get(call.name)
    return _meant(answer)


def check(rule: Rule | None) -> None:
    """Raise `UsageError` for a rule that is none, before anything is done."""
    for answer in rule.values() if isinstance(rule, Mapping) else [] if callable(rule) else [rule]:
        _meant(answer)


def _meant(answer: Any) -> Settlement | None:
    answer = _WORDS.get(answer, answer) if isinstance(answer, str) else answer
    if answer is not None and not isinstance(answer, Settlement):
        raise UsageError(f"settle says 'repeat', 'fail' or Settlement(value=…) about a call, not {answer!r}")
    return answer
