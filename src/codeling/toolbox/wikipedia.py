"""Wikipedia by its own interface, the MediaWiki API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import UsageError
from ..tools import Effect, Tool
from .apis import ask_json

__all__ = ("WikipediaSearchTool",)


class WikipediaSearchTool(Tool):
    """Gives the article that fits a query best. Wikipedia wants a `user_agent` that says who asks.

    `content_type` is `"text"` for the whole article or `"summary"` for its beginning, at most `max_length` characters.
    """

    name = "wikipedia_search"
    description = (
        "Find the Wikipedia article that fits a query best. Gives a dict with 'title', 'url', 'text' and 'others', the "
        "titles of further articles. Raises LookupError if there is none."
    )
    inputs: Mapping[str, Mapping[str, Any]] = {
        "query": {"type": "string", "description": "a topic, or the title of an article"}
    }
    output_type = "object"
    effect: Effect = "read"

    def __init__(
        self, user_agent: str = "codeling (+https://pypi.org/project/codeling)", language: str = "en",
        content_type: str = "text", *, max_length: int = 100_000, endpoint: str | None = None, timeout: float = 20.0,
    ) -> None:  # fmt: skip
        if content_type not in ("text", "summary"):
            raise UsageError(f"content_type is 'text' or 'summary', not {content_type!r}")
        if not language.replace("-", "").isalnum():
            raise UsageError(f"language is a code such as 'en', not {language!r}")
        self._endpoint = endpoint or f"https://{language}.wikipedia.org/w/api.php"
        self._agent, self._summary, self._length = user_agent, content_type == "summary", max_length
        self._timeout = timeout

    def forward(self, query: str) -> dict[str, Any]:
        """Give the article."""
        found = self._ask(list="search", srsearch=query, srlimit=5).get("search")
        titles = [str(item.get("title")) for item in found] if isinstance(found, list) else []
        if not titles:
            raise LookupError(f"Wikipedia has no article for {query!r}; use other words")
        shape: dict[str, Any] = {"exintro": 1} if self._summary else {}
        pages = self._ask(prop="extracts|info", inprop="url", explaintext=1, redirects=1, titles=titles[0], **shape)
        page = next(iter(pages.get("pages") or [{}]))
        text = str(page.get("extract") or "")
        if len(text) > self._length:
            text = f"{text[: self._length]}\n\n[{len(text) - self._length} more characters are left out]"
        title = str(page.get("title") or titles[0])
        return {"title": title, "url": str(page.get("fullurl") or ""), "text": text, "others": titles[1:]}

    def _ask(self, **params: Any) -> dict[str, Any]:
        given = {"action": "query", "format": "json", "formatversion": 2, **params}
        answer = ask_json(
            self._endpoint, params=given, headers={"User-Agent": self._agent}, timeout=self._timeout
        )  # fmt: skip
        inner = answer.get("query") if isinstance(answer, dict) else None
        return inner if isinstance(inner, dict) else {}
