"""Tools that ask JSON interfaces, against a server on loopback that answers as those do."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from codeling import ApiWebSearchTool, CodeAgent, GoogleSearchTool, UsageError, WikipediaSearchTool
from codeling.testing import ScriptedModel

from .site import Site

RESULTS = [
    {"title": "A", "link": "https://a.example/", "snippet": "May 31, 2024: it is."},
    {"title": "B", "link": "https://b.example/"},
]


def answer(site: Site, path: str, data: Any) -> str:
    site.pages[path] = ("application/json", json.dumps(data).encode())
    return f"{site.url}{path}"


def test_google_by_serpapi(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The query, the year and the key of the environment go to the provider; results are dicts as of every search."""
    monkeypatch.setenv("SERPAPI_API_KEY", "k-1")
    tool = GoogleSearchTool(endpoint=answer(site, "/search.json", {"organic_results": RESULTS}))
    with CodeAgent([tool], ScriptedModel(["```python\nfinal_answer(web_search('apples', 2024))\n```"])) as agent:
        found = agent.run("Search.")
    asked = parse_qs(urlsplit(site.asked[0]).query)

    assert found[0] == {
        "title": "A",
        "url": "https://a.example/",
        "snippet": "May 31, 2024: it is.",
        "date": "2024-05-31",
    }
    assert (asked["q"], asked["api_key"], asked["engine"]) == (["apples"], ["k-1"], ["google"])
    assert asked["tbs"] == ["cdr:1,cd_min:01/01/2024,cd_max:12/31/2024"]


def test_google_by_serper(site: Site) -> None:
    """The other provider takes a POST."""
    tool = GoogleSearchTool("serper", api_key="k-2", endpoint=answer(site, "/search", {"organic": RESULTS}))

    assert [result["title"] for result in tool("pears")] == ["A", "B"]
    assert json.loads(site.asked[0]) == {"q": "pears"}


def test_any_interface_that_answers_a_list(site: Site) -> None:
    """Brave's form, and a bare list, are read; what is asked besides goes along."""
    brave = {
        "web": {"results": [{"title": "A", "url": "https://a.example/", "description": "d", "page_age": "2024-01-02"}]}
    }
    tool = ApiWebSearchTool(answer(site, "/brave", brave), "k-3", params={"count": 3}, rate_limit=None)
    bare = ApiWebSearchTool(answer(site, "/bare", RESULTS), headers={"X-Mine": "1"}, rate_limit=None)

    assert tool("x") == [{"title": "A", "url": "https://a.example/", "snippet": "d", "date": "2024-01-02"}]
    assert len(bare("x")) == 2
    assert "count=3" in site.asked[0]


def test_a_key_is_in_no_error(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing key is named; a refused one, a redirect, nonsense and no server are errors without it."""
    monkeypatch.delenv("SERPAPI_API_KEY", raising=False)
    monkeypatch.delenv("BRAVE_API_KEY", raising=False)
    with pytest.raises(UsageError, match="set the environment variable SERPAPI_API_KEY"):
        GoogleSearchTool()("x")
    with pytest.raises(UsageError, match="BRAVE_API_KEY"):
        ApiWebSearchTool()("x")
    site.places["x"] = f"{site.url}/stolen"
    site.pages["/text"] = ("text/plain", b"no json")
    cases = {f"{site.url}/nothing": "answered 404", f"{site.url}/to/x": "answered 302", f"{site.url}/text": "no JSON",
             "http://127.0.0.1:9/": "cannot be reached"}  # fmt: skip
    for endpoint, why in cases.items():
        with pytest.raises(ConnectionError, match=why) as told:
            GoogleSearchTool(api_key="k-secret", endpoint=endpoint)("x")
        assert "k-secret" not in str(told.value)
    assert "/stolen" not in "".join(site.asked)
    with pytest.raises(LookupError, match="nothing of 2020 was found"):
        GoogleSearchTool(api_key="k", endpoint=answer(site, "/none", {"organic_results": []}))("x", 2020)
    with pytest.raises(LookupError, match="nothing was found"):
        GoogleSearchTool(api_key="k", endpoint=answer(site, "/odd", [1]))("x")


def test_wikipedia_gives_an_article(site: Site) -> None:
    """The best article, its address and the titles of others; a summary and a limit on its length."""
    both = {"query": {"search": [{"title": "Ada"}, {"title": "Ada (language)"}],
                      "pages": [{"title": "Ada", "extract": "Ada was first.", "fullurl": "https://w.example/Ada"}]}}  # fmt: skip
    endpoint = answer(site, "/w/api.php", both)

    assert WikipediaSearchTool(endpoint=endpoint)("Ada") == {
        "title": "Ada", "url": "https://w.example/Ada", "text": "Ada was first.", "others": ["Ada (language)"],
    }  # fmt: skip
    assert WikipediaSearchTool(endpoint=endpoint, max_length=3)("Ada")["text"].startswith("Ada\n\n[11 more")
    WikipediaSearchTool(content_type="summary", endpoint=endpoint)("Ada")
    assert "exintro=1" in site.asked[-1]
    with pytest.raises(LookupError, match="no article for 'zz'"):
        WikipediaSearchTool(endpoint=answer(site, "/none", {"query": {"search": []}}))("zz")
    with pytest.raises(UsageError, match="language is a code"):
        WikipediaSearchTool(language="evil.example/")
