"""What one server takes: try, learn, remember.

Servers of the chat-completions dialect differ in the optional parts that they refuse, and their
names do not tell. What was refused is left out or said in another way, and what a model thought before
its calls is returned where a server insists on it; only when that helped is it remembered, so that a
request that was bad for another reason teaches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from ..errors import ModelError
from .chat import THOUGHT, Wire, without_thoughts
from .retry import Transient

__all__ = ("OPTIONAL", "Refused", "Terms")

T = TypeVar("T")

OPTIONAL: Mapping[str, str | None] = {
    "stream_options": None,
    "max_tokens": "max_completion_tokens",
    "response_format": None,
    "stop": None,
}
"""What may be left out of a chat completion, and the other name under which it is tried."""


class Refused(Exception):
    """The server called the request a bad one; `error` is what to raise when nothing can be left out."""

    def __init__(self, error: ModelError | Transient, said: str, /) -> None:
        super().__init__(said)
        self.error = error


class Terms:
    """What a server was seen to refuse."""

    def __init__(self, optional: Mapping[str, str | None] = OPTIONAL) -> None:
        self._optional = optional
        self._refused: frozenset[str] = frozenset({THOUGHT})

    async def agree(self, body: Wire, ask: Callable[[Wire], Awaitable[T]], /) -> T:
        """Ask, leaving out one after the other what is refused, and thoughts until they are missed."""
        refused = before = self._refused
        plain = without_thoughts(body)
        while True:
            fitted = self._fitted(plain if THOUGHT in refused else body, refused)
            try:
                answer = await ask(fitted)
            except Refused as refusal:
                if THOUGHT in refused and body is not plain and THOUGHT in str(refusal):
                    refused -= {THOUGHT}
                    continue
                offender = self._offender(str(refusal), fitted)
                if offender is None:
                    raise refusal.error from None
                refused |= {offender}
            else:
                self._refused = self._refused - (before - refused) | (refused - before)
                return answer

    def _fitted(self, body: Wire, refused: frozenset[str]) -> Wire:
        renamed = {other: body[name] for name in refused if name in body and (other := self._optional.get(name))}
        return {name: value for name, value in body.items() if name not in refused} | renamed

    def _offender(self, said: str, body: Wire) -> str | None:
        # A schema that is wrong in itself is the caller's to hear about; every server takes some and not others.
        if "invalid schema" in said.lower():
            return None
        return next((name for name in self._optional if name in body and re.search(rf"\b{name}\b", said)), None)
