"""Search by interfaces that want a key: Google through two providers, and any other that answers JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import UsageError
from ..tools import Effect, Tool
from .apis import ask_json, key_for
from .web import Pace, result_from

__all__ = ("ApiWebSearchTool", "GoogleSearchTool")

_GIVES = (
    "Gives a list of dicts, the best match first, each with 'title', 'url', 'snippet' and 'date' ('' where the result "
    "states none). Raises LookupError if nothing is found."
)
_PROVIDERS: Mapping[str, tuple[str, str, str]] = {
    "serpapi": ("https://serpapi.com/search.json", "SERPAPI_API_KEY", "organic_results"),
    "serper": ("https://google.serper.dev/search", "SERPER_API_KEY", "organic"),
}
_BRAVE = "https://api.search.brave.com/res/v1/web/search"
_LISTS = ("results", "organic_results", "organic", "items", "data", "webPages", "web", "value")


class GoogleSearchTool(Tool):
    """Searches with Google, by the provider `serpapi` or `serper`, whose key is in its environment variable."""

    name = "web_search"
    description = f"Search the web with Google. {_GIVES}"
    inputs: Mapping[str, Mapping[str, Any]] = {
        "query": {"type": "string", "description": "what to search for"},
        "filter_year": {"type": "integer", "description": "only results of this year", "nullable": True},
    }
    output_type = "array"
    effect: Effect = "read"

    def __init__(
        self, provider: str = "serpapi", *, api_key: str | None = None, endpoint: str | None = None,
        timeout: float = 20.0,
    ) -> None:  # fmt: skip
        if provider not in _PROVIDERS:
            raise UsageError(f"GoogleSearchTool knows the providers {', '.join(_PROVIDERS)}, not {provider!r}")
        known, self._variable, self._list = _PROVIDERS[provider]
        self._provider, self._key, self._endpoint, self._timeout = provider, api_key, endpoint or known, timeout

    def forward(self, query: str, filter_year: int | None = None) -> list[dict[str, str]]:
        """Give what Google found. Raises LookupError for nothing."""
        key = key_for("GoogleSearchTool", self._key, self._variable)
        year = {} if filter_year is None else {"tbs": f"cdr:1,cd_min:01/01/{filter_year},cd_max:12/31/{filter_year}"}
        if self._provider == "serpapi":
            given: dict[str, Any] = {"params": {"engine": "google", "q": query, "api_key": key, **year}}
        else:
            given = {"body": {"q": query, **year}, "headers": {"X-API-KEY": key}}
        answer = ask_json(self._endpoint, timeout=self._timeout, key=key, **given)
        return _found(answer.get(self._list) if isinstance(answer, dict) else None, query, filter_year)


class ApiWebSearchTool(Tool):
    """Searches by an interface that takes the query as `q` and answers JSON with a list of results; Brave's by default.

    `api_key` is by default the environment variable `api_key_name`, and is sent as the header `key_header`.
    """

    name = "web_search"
    description = f"Search the web. {_GIVES}"
    inputs: Mapping[str, Mapping[str, Any]] = {"query": {"type": "string", "description": "what to search for"}}
    output_type = "array"
    effect: Effect = "read"

    def __init__(  # noqa: PLR0917  # the names and their order are the field's
        self, endpoint: str = "", api_key: str = "", api_key_name: str = "", headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None, rate_limit: float | None = 1.0, *,
        key_header: str = "X-Subscription-Token", timeout: float = 20.0,
    ) -> None:  # fmt: skip
        self._endpoint, self._timeout = endpoint or _BRAVE, timeout
        self._key, self._variable, self._header = api_key, api_key_name or "BRAVE_API_KEY", key_header
        self._headers, self._params = dict(headers or {}), {"count": 10} if params is None else dict(params)
        self._pace = Pace(rate_limit)

    def forward(self, query: str) -> list[dict[str, str]]:
        """Give what the interface found. Raises LookupError for nothing."""
        needs = not self._headers or self._key
        key = key_for("ApiWebSearchTool", self._key, self._variable) if needs else ""
        headers = {**self._headers, **({self._header: key} if key else {})}
        self._pace.wait()
        answer = ask_json(
            self._endpoint, params={**self._params, "q": query}, headers=headers, timeout=self._timeout, key=key
        )  # fmt: skip
        return _found(_listed(answer), query, None)


def _listed(answer: Any) -> Any:
    """The list of results, whatever the interface calls it."""
    for _ in range(3):
        if isinstance(answer, list):
            return answer
        answer = next((answer[key] for key in _LISTS if key in answer), None) if isinstance(answer, dict) else None
    return answer


def _found(entries: Any, query: str, year: int | None) -> list[dict[str, str]]:
    items: Iterable[Any] = entries if isinstance(entries, list) else ()
    results = [_result(item) for item in items if isinstance(item, dict)]
    if not results:
        of = f" of {year}" if year else ""
        raise LookupError(f"nothing{of} was found for {query!r}; use fewer or more common words")
    return results


def _result(item: Mapping[str, Any]) -> dict[str, str]:
    first = {
        "title": item.get("title") or item.get("name"),
        "href": item.get("link") or item.get("url") or item.get("href"),
        "body": item.get("snippet") or item.get("description") or item.get("body") or item.get("content"),
        "date": item.get("date") or item.get("page_age"),
    }
    return result_from({key: value for key, value in first.items() if isinstance(value, str)})
