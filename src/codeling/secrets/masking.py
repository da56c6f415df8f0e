"""A value marked secret works where it is needed and is covered wherever it would be read.

Covered: every event (and so the journal, the prompts that are made from events, traces, and what a
program gets back from a tool), the instructions of agents, and the messages of errors that end a run.
Also covered is how Python, JSON and addresses would write it. Not covered: a secret that a tool
transforms otherwise (splits, hashes, compresses) before giving it back, one shorter than four
characters, and what your own code prints.
"""

from __future__ import annotations

import json
import threading
from typing import Any, Self
from urllib.parse import quote, quote_plus

from ..errors import AgentError
from ..events import Event
from ..lookup import load

__all__ = ("MASK", "Secret", "masked", "reason", "told")

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
        plain = str(text)
        with _lock:
            _texts.update({plain, repr(plain)[1:-1], json.dumps(plain)[1:-1], *_in_addresses(plain)})
            masks = load("codeling.run:masks")
            if _masked_event not in masks:
                masks.append(_masked_event)
        return super().__new__(cls, text)

    def __repr__(self) -> str:
        """Show that there is a secret, and not which."""
        return f"Secret({MASK!r})"


def _in_addresses(text: str) -> tuple[str, str]:
    return quote(text, errors="replace"), quote_plus(text, errors="replace")


def masked(value: Any) -> Any:
    """Give the value with every secret in its texts covered; what holds none is given as it is."""
    kind = type(value)
    if kind is str:
        return _text(value)
    if kind is bytes:
        return _bytes(value)
    if value is None or kind in (bool, int, float):
        return value
    if kind in (list, tuple, set, frozenset):
        items = [masked(item) for item in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else kind(items)
    if kind is dict:
        covered = {masked(key): masked(item) for key, item in value.items()}
        same = len(covered) == len(value) and all(covered.get(key) is item for key, item in value.items())
        return value if same else covered
    return load("codeling.secrets.kinds:covered")(value, masked) if _texts else value


def _longest_first() -> list[str]:
    """Give the texts as they are now, those before their own beginnings: what is left of a longer one would show."""
    return sorted(_texts, key=len, reverse=True)


def _text(text: str) -> str:
    for secret in _longest_first():
        if secret in text:
            text = text.replace(secret, MASK)
    return text


def _bytes(data: bytes) -> bytes:
    for secret in _longest_first():
        encoded = secret.encode(errors="surrogatepass")
        if encoded in data:
            data = data.replace(encoded, MASK.encode())
    return data


def _masked_event(event: Event) -> Event:
    covered: Event = masked(event)
    return covered


def reason(error: BaseException) -> str:
    """Give an error as a text, once secrets are covered in it and in the errors that it came from or is made of."""
    seen: set[int] = set()
    links: list[BaseException | None] = [error] if _texts else []
    while links:
        link = links.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        links += [link.__cause__, link.__context__, *(link.exceptions if isinstance(link, BaseExceptionGroup) else ())]
        link.args = tuple(masked(arg) for arg in link.args)
        for name in {*vars(link), *_SAID} - {"result"}:  # a run's result is made of covered events
            _cover(link, name)
    return (isinstance(error, AgentError) and str(error)) or told(error)  # what ours say is a sentence


def told(error: BaseException) -> str:
    """Give an error's class and text, as Python does at the end of a traceback."""
    kind = type(error).__name__
    try:
        return f"{kind}: {error}".removesuffix(": ")
    except Exception as failure:  # noqa: BLE001  # foreign code: its own text is what cannot be had
        return f"{kind}, whose text cannot be had: {type(failure).__name__}"


_SAID = ("filename", "filename2", "strerror", "object", "reason", "name", "path", "text", "msg")
"""What errors of Python itself say besides their arguments."""


def _cover(error: BaseException, name: str) -> None:
    try:
        said = getattr(error, name)
        if (covered := masked(said)) is not said:
            setattr(error, name, covered)
    except Exception:  # noqa: BLE001  # foreign code: an error may have whatever attributes it likes
        return
