"""Writes the trace page: one file that loads nothing, allows nothing but itself, and holds the run as data.

The page's policy forbids every request and every script but its own, by their hashes. The data stand
in a block that browsers do not run; `<` is written as an escape, so nothing in it can end the block.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable
from pathlib import Path

from ...events import Event
from ..text import visible
from .story import Story, story_of

__all__ = ("page_of", "page_with")


def page_of(events: Iterable[Event]) -> str:
    """Give the page of a run's events; events of the runs below it are shown inside the calls that made them."""
    return page_with(story_of(events))


def page_with(story: Story) -> str:
    """Give the page of a story."""
    title = " ".join((visible(story.task) or "a run").split())[:80]
    style, script = _file("page.css"), _file("page.js")
    return _file("page.html").format(
        title=html.escape(f"{title} · codeling"), style=style, script=script, data=_embedded(story.encoded()),
        style_hash=_hash(style), script_hash=_hash(script),
    )  # fmt: skip


def _embedded(text: str) -> str:
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _file(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
