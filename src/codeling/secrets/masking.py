"""A value marked secret works where it is needed and is covered wherever it would be read.

Covered: every event (and so the journal, the prompts that are made from events, traces, and what a
program gets back from a tool), the instructions of agents, and the messages of errors that end a run.
Not covered: a secret that a tool transforms (encodes, splits, hashes) before giving it back, one
shorter than four characters, and what your own code prints.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Self

from ..events import Event
from ..lookup import load

__all__ = ("MASK", "Secret", "masked", "reason")

MASK = "[secret]"
_LEAST = 4
_lock = threading.Lock()
_texts: set[str] = set()


class Secret(str):
    """A text that tools and models on the host use as it is, and that is covered everywhere else.

    It is an ordinary text to libraries: `f"Bearer {token}"` holds it. From the moment when it is
    made, in this process, its text is replaced by `[secret]` in whatever leaves the host's tools.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Mark the text. Raises ValueError for one of less than four characters: it could not be told from others."""
        if not isinstance(text, str):
            raise TypeError(f"a secret is a text, not {type(text).__name__}")
        if len(text) < _LEAST:
            raise ValueError(f"a secret has at least {_LEAST} characters; this one has {len(text)}")
        with _lock:
            _texts.add(str(text))
            masks = load("codeling.run:masks")
            if _masked_event not in masks:
                masks.append(_masked_event)
        return super().__new__(cls, text)

    def __repr__(self) -> str:
        """Show that there is a secret, and not which."""
        return f"Secret({MASK!r})"


def masked(value: Any) -> Any:
    """Give the value with every secret in its texts covered; what holds none is given as it is."""
    match value:
        case str():
            return _text(value)
        case bytes():
            return _bytes(value)
        case list() | tuple() | set() | frozenset() if type(value) in (list, tuple, set, frozenset):
            items = [masked(item) for item in value]
            return value if all(a is b for a, b in zip(items, value, strict=True)) else type(value)(items)
        case Mapping() if type(value) is dict:
            covered = {masked(key): masked(item) for key, item in value.items()}
            same = len(covered) == len(value) and all(covered.get(key) is item for key, item in value.items())
            return value if same else covered
        case _ if is_dataclass(value) and not isinstance(value, type):
            return _data(value)
        case _:
            return value


def _data(value: Any) -> Any:
    changed = {}
    for field in fields(value):
        before = getattr(value, field.name)
        now = masked(before)
        if now is not before and field.init:
            changed[field.name] = now
    return replace(value, **changed) if changed else value


def _text(text: str) -> str:
    for secret in sorted(_texts, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, MASK)
    return text


def _bytes(data: bytes) -> bytes:
    for secret in _texts:
        encoded = secret.encode()
        if encoded in data:
            data = data.replace(encoded, MASK.encode())
    return data


def _masked_event(event: Event) -> Event:
    covered: Event = masked(event)
    return covered


def reason(error: BaseException) -> str:
    """Give an error as a text, once secrets are covered in it and in the errors that it came from."""
    seen: set[int] = set()
    link: BaseException | None = error if _texts else None
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        link.args = tuple(masked(arg) for arg in link.args)
        link = link.__cause__ or link.__context__
    return str(error) or type(error).__name__
