"""Searching, with ddgs's own client and parser, on a page of ours."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from codeling import CodeAgent, DuckDuckGoSearchTool, UsageError, WebSearchTool
from codeling.testing import ScriptedModel

from .site import Site

_FOUND = """<html><body>
<div class="result body"><h2><a href="https://arxiv.org/abs/2401.14196">A code model</a></h2>
<a href="https://arxiv.org/abs/2401.14196">A series of open models for code.</a></div>
<div class="result body"><h2><a href="https://news.example/story">The news</a></h2>
<a href="https://news.example/story">May 31, 2024 &middot; Something happened.</a></div>
<div class="result body"><h2><a href="https://plain.example/">Plain</a></h2>
<a href="https://plain.example/">No date at all, in 12 parts.</a></div>
</body></html>"""


@pytest.fixture
def engine(site: Site) -> Iterator[Site]:
    """DuckDuckGo's page on loopback; ddgs has no setting for it, but its engines hold their address."""
    from ddgs.engines import ENGINES

    duckduckgo = ENGINES["text"]["duckduckgo"]
    real = duckduckgo.search_url
    duckduckgo.search_url = f"{site.url}/html/"
    site.pages["/html/"] = ("text/html", _FOUND.encode())
    yield site
    duckduckgo.search_url = real


def test_results_are_dicts_with_real_values(engine: Site) -> None:
    """A search gives title, address, snippet, and the date that a result states of itself."""
    results = DuckDuckGoSearchTool()("code models")
    by_title = {result["title"]: result for result in results}

    assert set(results[0]) == {"title", "url", "snippet", "date"}
    assert by_title["A code model"]["url"] == "https://arxiv.org/abs/2401.14196"
    assert by_title["A code model"]["snippet"] == "A series of open models for code."
    assert {title: found["date"] for title, found in by_title.items()} == {
        "A code model": "2024-01", "The news": "2024-05-31", "Plain": "",
    }  # fmt: skip
    assert "q=code+models" in engine.asked[0]


def test_a_program_filters_results_by_date(engine: Site) -> None:
    """A program in the sandbox takes results apart as the list that they are."""
    code = 'results = web_search("papers")\nfinal_answer(len([r for r in results if "2024" in r["date"]]))'
    with CodeAgent([DuckDuckGoSearchTool()], ScriptedModel([f"```python\n{code}\n```"])) as agent:
        assert agent.run("Find papers of 2024.") == 2


def test_the_number_of_results_is_limited(engine: Site) -> None:
    """No more results come than were asked for."""
    assert len(DuckDuckGoSearchTool(max_results=2)("anything")) == 2


def test_nothing_found_is_an_error_that_says_what_to_do(engine: Site) -> None:
    """A search without results raises LookupError."""
    engine.pages["/html/"] = ("text/html", b"<html><body>None.</body></html>")

    with pytest.raises(LookupError, match=r"nothing was found for 'xyzzy'; use fewer"):
        DuckDuckGoSearchTool()("xyzzy")


def test_an_engine_that_is_not_there_is_an_error(engine: Site) -> None:
    """Where no engine can be reached the error says so, and is not an empty list."""
    engine.close()

    with pytest.raises(ConnectionError, match="the search failed"):
        DuckDuckGoSearchTool()("anything")


def test_searches_keep_their_pace(engine: Site) -> None:
    """Searches from several threads wait for their turn."""
    tool = DuckDuckGoSearchTool(rate_limit=5.0)
    threads = [threading.Thread(target=tool, args=("anything",)) for _ in range(4)]
    since = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert time.monotonic() - since >= 0.6
    assert len(engine.asked) == 4


def test_the_tools_are_described_to_the_model() -> None:
    """Both are called web_search, take one text, and only read."""
    for tool in (DuckDuckGoSearchTool(), WebSearchTool()):
        tool.check()
        assert tool.stub.startswith("def web_search(query: str) -> list[dict[str, str]]:")
        assert tool.effect == "read"


def test_unknown_options_are_refused() -> None:
    """A misspelt option is named when the tool is made."""
    with pytest.raises(UsageError, match="no option 'regoin'"):
        WebSearchTool(regoin="de-de")
    with pytest.raises(UsageError, match="rate_limit"):
        WebSearchTool(rate_limit=0)
