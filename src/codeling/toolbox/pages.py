"""Turns what a server gave into Markdown. Pages are hostile: nothing in them is run, loaded or obeyed."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urljoin

from ..forms.libraries import needed
from .fetching import Page

__all__ = ("markdown",)

_HTML = ("text/html", "application/xhtml+xml")
_TEXT = ("application/json", "application/xml", "application/javascript", "application/yaml", "application/toml")
_UNREAD = ("script", "style", "noscript", "template", "svg", "canvas", "iframe", "object", "embed")
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset=[\"']?([\w-]{1,40})", re.IGNORECASE)


def markdown(page: Page) -> str:
    """Give a page as Markdown, and other text as it is. Raises ValueError for what is not text."""
    kind = page.media_type or ("text/html" if page.data.lstrip()[:1] == b"<" else "text/plain")
    if kind in _HTML:
        return _tidy(_from_html(_decoded(page), page.url))
    if kind.startswith("text/") or kind in _TEXT or kind.endswith(("+json", "+xml")):
        return _decoded(page)
    raise ValueError(f"{page.url!r} is of type {kind!r}, which is not text")


def _decoded(page: Page) -> str:
    declared = _CHARSET.search(page.data[:4096])
    charset = page.charset or (declared.group(1).decode("ascii") if declared else "utf-8")
    try:
        return page.data.decode(charset, "replace")
    except LookupError:
        return page.data.decode("utf-8", "replace")


def _from_html(text: str, url: str) -> str:
    markdownify = needed("markdownify", extra="search", by="visit_webpage")
    soup = needed("bs4", extra="search", by="visit_webpage").BeautifulSoup(text, "html.parser")
    try:
        _prepare(soup, url)
        made: str = markdownify.MarkdownConverter(heading_style="ATX", bullets="-").convert_soup(soup)
    except RecursionError:  # nested deeper than any page that is meant to be read
        made = html.unescape(re.sub(r"<[^<>]*>", "\n", text))
    return made


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
