"""Turns what a server gave into Markdown. Pages are hostile: nothing in them is run, loaded or obeyed.

What reads HTML takes time and memory that grow with the square of what is written badly enough, so a process of
its own does it, which can be ended.
"""

from __future__ import annotations

import codecs
import html
import importlib.util
import json
import re
import subprocess
import sys
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin

from ..forms.libraries import needed
from .fetching import Page

__all__ = ("markdown",)

_HTML = ("text/html", "application/xhtml+xml")
_TEXT = ("application/json", "application/xml", "application/javascript", "application/yaml", "application/toml")
_UNREAD = ("script", "style", "noscript", "template", "svg", "canvas", "iframe", "object", "embed")
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset=[\"']?([\w-]{1,40})", re.IGNORECASE)

_NO_CHARSETS = ("punycode", "idna", "unicode-escape", "unicode_escape", "raw-unicode-escape", "raw_unicode_escape")
"""Encodings of Python's that no page is in; the first takes time that grows with the square."""
_CHILD = "import sys; sys.path[:] = sys.argv[1:]; from codeling.toolbox.pages import serve; serve()"
_MOST_MEMORY, _MOST_TEXT, _MOST_SECONDS = 1 << 30, 8 << 20, 60
"""Of the process. It is given up on before so many seconds; whoever did that may be gone."""


def markdown(page: Page, *, patience: float) -> str:
    """Give a page as Markdown, and other text as it is; a page that takes longer than `patience` as its words only.

    Raises ValueError for what is not text.
    """
    kind = page.media_type or ("text/html" if page.data.lstrip()[:1] == b"<" else "text/plain")
    if kind in _HTML:
        return _tidy(_from_html(_decoded(page), page.url, patience))
    if kind.startswith("text/") or kind in _TEXT or kind.endswith(("+json", "+xml")):
        return _decoded(page)
    raise ValueError(f"{page.url!r} is of type {kind!r}, which is not text")


def _decoded(page: Page) -> str:
    declared = _CHARSET.search(page.data[:4096])
    charset = page.charset or (declared.group(1).decode("ascii") if declared else "utf-8")
    try:
        known = codecs.lookup(charset).name
        return page.data.decode("utf-8" if known in _NO_CHARSETS else known, "replace")
    except (LookupError, UnicodeError):
        return page.data.decode("utf-8", "replace")


def _from_html(text: str, url: str, patience: float) -> str:
    """Have a process make Markdown of it. Where that takes too long or too much, give the words without their tags."""
    for library in ("markdownify", "bs4"):
        if importlib.util.find_spec(library) is None:
            needed(library, extra="search", by="visit_webpage")
    command = [sys.executable, "-c", _CHILD, *filter(None, sys.path)]
    try:
        done = subprocess.run(
            command, input=json.dumps([text, url]).encode(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=patience, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return html.unescape(re.sub(r"<[^<>]*>", "\n", text))
    return done.stdout.decode("utf-8", "replace")


def serve() -> None:
    """Be the process that does it: reads a page and its address and writes Markdown, in so much memory."""
    with suppress(ImportError):  # other systems have a deadline only
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (_MOST_SECONDS, _MOST_SECONDS))
    made = _converted(*json.load(sys.stdin.buffer))
    sys.stdout.buffer.write(made[:_MOST_TEXT].encode("utf-8", "replace"))


def _converted(text: str, url: str) -> str:
    import bs4
    import markdownify

    soup = bs4.BeautifulSoup(text, "html.parser")
    _prepare(soup, url)
    return str(markdownify.MarkdownConverter(heading_style="ATX", bullets="-").convert_soup(soup))


def _prepare(soup: Any, url: str) -> None:
    """Drop what nobody reads, and make links absolute."""
    for tag in soup(_UNREAD):
        tag.decompose()
    for tag in soup("a", href=True):
        tag["href"] = _absolute(url, tag["href"])
    for tag in soup("img"):
        source = tag.get("src", "")
        if source.startswith("data:") or not tag.get("alt"):
            tag.decompose()
        else:
            tag["src"] = _absolute(url, source)


def _absolute(base: str, link: str) -> str:
    try:
        return urljoin(base, link)
    except ValueError:
        return link


def _tidy(text: str) -> str:
    lines = (line.rstrip() for line in text.replace("\r\n", "\n").split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
