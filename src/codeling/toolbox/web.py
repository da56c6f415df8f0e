"""Search the web and read pages. What comes from there is data for programs, never obeyed here."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from ..errors import UsageError
from ..forms.libraries import needed
from ..tools import Effect, Tool
from .fetching import Network, fetch, networks
from .pages import markdown

__all__ = ("DuckDuckGoSearchTool", "Pace", "VisitWebpageTool", "WebSearchTool", "result_from")

Result: TypeAlias = "dict[str, str]"

_OF_CLIENT = frozenset(("proxy", "timeout", "verify"))
_OF_SEARCH = frozenset(("backend", "page", "region", "safesearch", "timelimit"))


class WebSearchTool(Tool):
    """Searches with whichever engines answer, or with the ones that `engine` names, by the library ddgs.

    `rate_limit` is the most searches in one second, None for no limit. `options` are ddgs's own: `region`,
    `safesearch`, `timelimit`, `page`, `proxy`, `timeout` and `verify`.
    """

    name = "web_search"
    description = (
        "Search the web. Gives a list of dicts, the best match first, each with 'title', 'url', 'snippet' and 'date': "
        "an ISO date such as '2024-05-31' or '2024', or '' where the result states none. "
        "Raises LookupError if nothing is found."
    )
    inputs: Mapping[str, Mapping[str, Any]] = {"query": {"type": "string", "description": "what to search for"}}
    output_type = "array"
    effect: Effect = "read"

    def __init__(
        self, max_results: int = 10, rate_limit: float | None = 1.0, *, engine: str = "auto", **options: Any
    ) -> None:
        if unknown := sorted(options.keys() - _OF_CLIENT - _OF_SEARCH):
            raise UsageError(
                f"{type(self).__name__} has no option {unknown[0]!r}; there are: "
                f"max_results, rate_limit, engine, {', '.join(sorted(_OF_CLIENT | _OF_SEARCH))}"
            )
        self._max_results = max_results
        self._client = {name: options[name] for name in _OF_CLIENT & options.keys()}
        self._search = {"backend": engine, **{name: options[name] for name in _OF_SEARCH & options.keys()}}
        self._pace = Pace(rate_limit)

    def forward(self, query: str) -> list[dict[str, str]]:
        """Give what the engines found. Raises LookupError for nothing."""
        ddgs = needed("ddgs", extra="search", by=self.name)
        self._pace.wait()
        client = ddgs.DDGS(**self._client)
        try:
            found = client.text(query, max_results=self._max_results, **self._search)
        except ddgs.exceptions.TimeoutException as error:
            raise TimeoutError(f"no search engine answered in time; try again ({error})") from error
        except ddgs.exceptions.DDGSException as error:
            if "No results" not in str(error):
                raise ConnectionError(f"the search failed: {error}") from error
            raise LookupError(
                f"nothing was found for {query!r}; use fewer or more common words "
                "(an engine that refuses to answer looks the same: wait a little then)"
            ) from None
        return list(map(result_from, found))


class DuckDuckGoSearchTool(WebSearchTool):
    """Searches with DuckDuckGo; otherwise a `WebSearchTool`."""

    def __init__(
        self, max_results: int = 10, rate_limit: float | None = 1.0, *, engine: str = "duckduckgo", **options: Any
    ) -> None:
        super().__init__(max_results, rate_limit, engine=engine, **options)


class VisitWebpageTool(Tool):
    """Reads a page as Markdown. Refuses addresses of private networks and of this machine, unless they are allowed.

    `allow_private` is True for all of them, or holds networks such as `"10.0.0.0/8"`. `max_output_length` is in
    characters, `max_bytes` in bytes of the page once it is unpacked, `timeout` in seconds for the whole visit.
    Proxies of the environment are not used: behind one, the address that is visited could not be checked.
    """

    name = "visit_webpage"
    description = (
        "Read the web page, or other text, at a URL and give it as Markdown. Links in it are absolute. "
        "Raises PermissionError for addresses that may not be visited, ConnectionError or TimeoutError if the page "
        "cannot be had, ValueError for what is not text."
    )
    inputs: Mapping[str, Mapping[str, Any]] = {
        "url": {"type": "string", "description": "the page's address, with http:// or https://"}
    }
    output_type = "string"
    effect: Effect = "read"

    def __init__(
        self, max_output_length: int = 100_000, *, allow_private: bool | Sequence[str] = False, timeout: float = 20.0,
        max_bytes: int = 5 << 20, user_agent: str = "codeling (+https://pypi.org/project/codeling)",
    ) -> None:  # fmt: skip
        self._length = max_output_length
        self._limits: dict[str, Any] = {
            "allow": _networks(allow_private), "timeout": timeout, "max_bytes": max_bytes, "user_agent": user_agent,
        }  # fmt: skip

    def forward(self, url: str) -> str:
        """Give the page as Markdown."""
        text = markdown(fetch(url, **self._limits), patience=self._limits["timeout"])
        if len(text) <= self._length:
            return text
        return f"{text[: self._length]}\n\n[{len(text) - self._length} more characters of this page are left out]"


def _networks(given: bool | Sequence[str]) -> bool | Sequence[Network]:
    try:
        return networks(given)
    except ValueError as error:
        raise UsageError(f"allow_private is True, False or a list of networks such as '10.0.0.0/8': {error}") from None


class Pace:
    """Lets callers through one after the other, so many a second; they may be many threads."""

    def __init__(self, per_second: float | None) -> None:
        if per_second is not None and per_second <= 0:
            raise UsageError(f"rate_limit is how many searches a second, or None for no limit; not {per_second!r}")
        self._interval = 1 / per_second if per_second else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait for this caller's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._interval
        time.sleep(turn - now)


def result_from(found: Mapping[str, Any]) -> Result:
    """Give an engine's result (`title`, `href`, `body`, perhaps `date`) as tools give it."""
    title, url, snippet = (str(found.get(key) or "") for key in ("title", "href", "body"))
    date = str(found.get("date") or "") or _date((snippet, title, url))
    return {"title": title, "url": url, "snippet": snippet, "date": date}


_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_MONTH = rf"(?P<name>{'|'.join(_MONTHS)})[a-z]*\.?"
_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?"
_DATES = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_YEAR}[-/](?P<month>[01]\d)[-/](?P<day>[0-3]\d)\b",
        rf"\b{_MONTH}\s+{_DAY},?\s+{_YEAR}\b",
        rf"\b{_DAY}\s+{_MONTH},?\s+{_YEAR}\b",
        rf"\b{_MONTH},?\s+{_YEAR}\b",
        rf"/{_YEAR}/(?P<month>[01]\d)/",
        r"\barxiv\.org/\w+/(?P<short>[0-3]\d)(?P<month>[01]\d)\.\d{4,5}",
        rf"\({_YEAR}\)",
    )
]


def _date(texts: Iterable[str]) -> str:
    """Give the date that a result states of itself, as exactly as it does. ddgs gives none for web pages."""
    for text in texts:
        for pattern in _DATES:
            if match := pattern.search(text):
                return _iso(match.groupdict())
    return ""


def _iso(parts: Mapping[str, str | None]) -> str:
    year = parts.get("year") or f"20{parts['short']}"
    name, month, day = parts.get("name"), parts.get("month"), parts.get("day")
    number = _MONTHS.index(name.lower()) + 1 if name else int(month or 0)
    if not 1 <= number <= 12:
        return year
    return f"{year}-{number:02}-{int(day):02}" if day and 1 <= int(day) <= 31 else f"{year}-{number:02}"
