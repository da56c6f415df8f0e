"""What a provider's failure means: which of our errors it is, whether to try again, and when.

Every adapter puts its vendor's errors through `failure`, so that all of them fail alike. Nothing
here knows a vendor's library.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from random import uniform
from typing import TypeVar

from ..errors import ContextOverflow, ModelAccessDenied, ModelError

__all__ = ("Transient", "cleaned", "failure", "persist", "secrets_in", "wait_from")

T = TypeVar("T")

TRIES = 4
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 8.0
_LONGEST_ASKED = 30.0
_PATIENCE = 60.0
_PASSING = frozenset({408, 409, 425, 429})
_SPENT = re.compile(
    r"insufficient_quota|exceeded your current quota|insufficient (credit|balance|funds)", re.IGNORECASE
)
_TOO_LONG = re.compile(
    r"context[_ ](length|window|size)|maximum context|(prompt|input) is too long|too many (input |prompt )?tokens"
    r"|exceed\w*.{0,40}\bcontext\b|reduce the length of the messages|exceeds the maximum number of tokens"
    r"|inputs`? tokens \+ `?max_new_tokens",
    re.IGNORECASE,
)
_BLIND = re.compile(
    r"(image|picture|vision|multimodal)\w* (input|content)?\w* ?(is|are)? ?not support|not support \w* ?(image|vision)"
    r"|not a (multimodal|vision) model|only 'text' content",
    re.IGNORECASE,
)
_HANDLESS = re.compile(
    r"(not|n't) support (tool|function)|(tool|function)s?( call(ing|s)?| use)? (is|are) not supported|tool-call-parser",
    re.IGNORECASE,
)
_KEYS = re.compile(r"\b(?:sk-|hf_|gsk_|xai-|pplx-|AIza|AKIA|ASIA)[\w*.…-]{6,}")

_NAMED = re.compile(r"(^|_)(api_?key|key|token|secret|password)(_\w+)?$", re.IGNORECASE)
"""Names of parameters and environment variables that hold what nobody may read."""
_SHORTEST = 8


class Transient(Exception):
    """A failure that may pass. `error` is what to raise when it does not; `wait` is what the provider asked for."""

    def __init__(self, error: ModelError, /, *, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


def failure(
    who: str,
    message: str,
    /,
    *,
    status: int | None,
    key: str | Sequence[str] | None = None,
    remedy: str = "pass a valid key",
    wait: float | None = None,
) -> ModelError | Transient:
    """Say what a vendor's error is to us; without a `status` the provider was not reached or did not finish.

    `remedy` is what to do about a refused key, `wait` the pause that the provider asked for. `key`, or several, is
    taken out of the message, and so is what the environment holds under the name of a key.
    """
    text = f"{who}: {f'HTTP {status}: ' if status else ''}{cleaned(message, key)}"
    if status in (401, 403):
        return ModelAccessDenied(f"{text} ({remedy})")
    if _TOO_LONG.search(message) and (status or 400) < 429:
        return ContextOverflow(f"{text} (shorten the task or its data, or take a model that reads more)")
    if _BLIND.search(message):
        return ModelError(f"{text} (use a model that reads pictures)")
    if status == 404:
        return ModelError(f"{text} (check the model's name and the server's address)")
    if _HANDLESS.search(message) and (status or 400) < 429:
        return ModelError(
            f"{text} (this model gets no tools here: pass calls_natively=False to it, or start its server so that it "
            "takes them)"
        )
    error = ModelError(text)
    if _SPENT.search(message):
        return error
    passing = status is None or status in _PASSING or status >= 500
    return Transient(error, wait=wait) if passing else error


async def persist(attempt: Callable[[], Awaitable[T]], /, *, tries: int = TRIES) -> T:
    """Try until it works, with longer and longer jittered pauses of seconds. Raises `ModelError` at the end.

    No try is begun when a minute has passed since the first, or when the provider asks for a pause
    of more than half a minute: by then a person had better know.
    """
    begun = time.monotonic()
    for count in range(1, tries + 1):
        try:
            return await attempt()
        except Transient as passing:
            pause = uniform(0.5, 1) * min(_FIRST_WAIT * 2 ** (count - 1), _LONGEST_WAIT)
            pause = pause if passing.wait is None else passing.wait
            late = time.monotonic() + pause > begun + _PATIENCE
            if count == tries or pause > _LONGEST_ASKED or late:
                raise _final(passing, count) from None
        await asyncio.sleep(pause)
    raise AssertionError("unreachable: the last try returns or raises")


def _final(passing: Transient, count: int) -> ModelError:
    asked = f"; the provider asks to wait {passing.wait:.0f} s" if passing.wait else ""
    return type(passing.error)(f"{passing.error} (tried {count} time{'s' * (count > 1)}{asked})")


def wait_from(headers: Mapping[str, str], /) -> float | None:
    """Read the pause in seconds that a `Retry-After` header asks for, None where it says nothing useful."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) / unit)
        except (KeyError, ValueError):
            continue
    try:
        return max(0.0, parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time())
    except (KeyError, ValueError):
        return None


def secrets_in(given: object, /) -> tuple[str, ...]:
    """Give the texts, anywhere in nested data, whose names say that they are keys."""
    if isinstance(given, Mapping):
        own = [value for name, value in given.items() if isinstance(value, str) and _NAMED.search(str(name))]
        return (*own, *(secret for value in given.values() for secret in secrets_in(value)))
    return tuple(secret for value in given for secret in secrets_in(value)) if isinstance(given, (list, tuple)) else ()


def cleaned(message: str, key: str | Sequence[str] | None, /) -> str:
    """Give a message without the keys that it holds, on one line of bounded length."""
    text = message
    given = (key,) if isinstance(key, str) else key or ()  # "none" and the like are no keys, but words
    long = [secret for secret in secrets_in(os.environ) if len(secret) >= _SHORTEST]  # where keys are if none is passed
    for secret in sorted((*(one for one in given if len(one) > 4), *long), key=len, reverse=True):
        text = text.replace(secret, "[key]")
    text = " ".join(_KEYS.sub("[key]", text).split())
    return text if len(text) <= 600 else f"{text[:600]}…"
