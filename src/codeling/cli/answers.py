"""Answers and events as text for stdout: answers for people and pipes, events for programs."""

from __future__ import annotations

import json
from functools import cache
from pprint import pformat
from typing import Any

from ..events import Event
from ..lookup import load
from ..observers.text import in_words, visible

__all__ = ("answer_text", "event_text")


def answer_text(answer: Any, *, terminal: bool = False) -> str:
    """Give an answer as it is printed: a text as it is, data as JSON where JSON can hold it, else as Python.

    For a terminal, what a terminal would obey is made visible.
    """
    if isinstance(answer, str):
        text = answer
    elif isinstance(answer, list | dict):
        text = (
            json.dumps(answer, ensure_ascii=False, indent=2)
            if _is_json(answer)
            else in_words(answer, lambda value: pformat(value, 100, sort_dicts=False))
        )
    else:
        text = in_words(answer)
    return visible(text) if terminal else text


def _is_json(value: Any) -> bool:
    """Whether JSON gives the same value back."""
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False)) == value) and not _has_tuple(value)
    except (TypeError, ValueError, ArithmeticError, RecursionError):
        return False


def _has_tuple(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_tuple, value.values()))
    return isinstance(value, tuple) or (isinstance(value, list) and any(map(_has_tuple, value)))


def event_text(event: Event) -> str:
    """Give an event as one line of JSON; values that JSON cannot hold are tagged as in a journal."""
    return str(_texts().text(event))


@cache
def _texts() -> Any:
    return load("codeling.journals.codec:Texts")()
