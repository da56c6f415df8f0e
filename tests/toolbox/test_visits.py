"""Reading pages from a real server, and refusing what may not be read."""

from __future__ import annotations

import ipaddress
import time

import pytest

from codeling import UsageError, VisitWebpageTool
from codeling.toolbox.fetching import fetch

from .site import Site

_PAGE = """<html><head><title>T</title><style>p {color: red}</style><script>steal()</script></head><body>
<h1>Models</h1><p>Two <b>small</b> ones, caf\u00e9. <a href="/list?q=a b">The list</a></p>
<img src="data:image/png;base64,AAAA" alt="x"><img src="logo.png" alt="Logo">
<ul><li>one</li><li>two</li></ul><table><tr><th>a</th></tr><tr><td>1</td></tr></table></body></html>"""


def visitor(**options: object) -> VisitWebpageTool:
    """A tool that may visit loopback."""
    return VisitWebpageTool(allow_private=["127.0.0.1/32"], **options)  # type: ignore[arg-type]  # passed on


def test_a_page_comes_as_markdown(site: Site) -> None:
    """Headings, emphasis, absolute links, lists and tables are kept; scripts, styles and inline pictures are not."""
    site.pages["/models/"] = ("text/html; charset=utf-8", _PAGE.encode())
    text = visitor()(f"{site.url}/models/")

    assert text.startswith("# Models") or "\n# Models" in text
    assert "Two **small** ones, café." in text
    assert f"[The list]({site.url}/list?q=a b)" in text
    assert f"![Logo]({site.url}/models/logo.png)" in text
    assert "- one\n- two" in text
    assert "| a |" in text
    assert not any(word in text for word in ("steal", "color", "base64"))


def test_other_text_comes_as_it_is(site: Site) -> None:
    """JSON and plain text are not changed; what is not text is refused by its type."""
    site.pages["/data"] = ("application/json", b'{"a": [1, 2]}')
    site.pages["/old"] = ("text/plain; charset=latin-1", "café".encode("latin-1"))
    site.pages["/meta"] = ("text/html", '<meta charset="latin-1"><p>café'.encode("latin-1"))
    site.pages["/picture"] = ("image/png", b"\x89PNG")

    assert visitor()(f"{site.url}/data") == '{"a": [1, 2]}'
    assert visitor()(f"{site.url}/old") == "café"
    assert visitor()(f"{site.url}/meta") == "café"
    with pytest.raises(ValueError, match="'image/png', which is not text"):
        visitor()(f"{site.url}/picture")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://0.0.0.0/", "http://10.0.0.1/", "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/", "http://[fe80::1]/", "http://[fd00::1]/", "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/", "http://168.63.129.16/", "http://[fec0::1]/", "http://[2002:7f00:1::]/", "http://100.64.0.1/", "http://224.0.0.1/", "http://2130706433/",
        "https://127.1/",
    ],
)  # fmt: skip
def test_private_addresses_are_refused(url: str) -> None:
    """No address of this machine or of a private network is visited, however it is written."""
    with pytest.raises((PermissionError, ConnectionError), match=r"not an address of the public internet|is not known"):
        VisitWebpageTool()(url)


def test_loopback_is_refused_before_anything_is_sent(site: Site) -> None:
    """A refused server sees no request."""
    with pytest.raises(PermissionError):
        VisitWebpageTool()(f"{site.url}/")

    assert site.asked == []


def test_redirects_are_followed_and_checked(site: Site) -> None:
    """A redirect to an allowed address is followed; one to any other is refused before a request is sent."""
    site.pages["/end"] = ("text/plain", b"the end")
    site.places = {"near": "/end", "far": f"http://localhost:{site.server_port}/end", "round": "/to/round"}
    site.places |= {"inside": f"http://127.0.0.2:{site.server_port}/end", "file": "file:///etc/passwd"}

    assert visitor()(f"{site.url}/to/near") == "the end"
    with pytest.raises(PermissionError, match=r"127\.0\.0\.2"):
        visitor()(f"{site.url}/to/inside")
    with pytest.raises(ValueError, match="not a web address"):
        visitor()(f"{site.url}/to/file")
    with pytest.raises(ConnectionError, match="more than 10 times"):
        visitor()(f"{site.url}/to/round")
    assert site.asked.count("/end") == 1


def test_the_connection_goes_to_the_address_that_was_checked(site: Site) -> None:
    """The name is resolved once; the server is told the name that was asked for."""
    site.pages["/"] = ("text/plain", b"here")
    allowed = [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")]
    page = fetch(f"http://localhost:{site.server_port}/", allow=allowed, timeout=5, max_bytes=100, user_agent="t")

    assert page.data == b"here"
    assert site.hosts == [f"localhost:{site.server_port}"]


def test_size_is_limited_after_unpacking(site: Site) -> None:
    """A page that unpacks to more than the limit is refused, however small it was on the way."""
    site.pages["/bomb"] = ("text/plain", b"0" * (4 << 20))

    with pytest.raises(ValueError, match="larger than 1048576 bytes"):
        visitor(max_bytes=1 << 20)(f"{site.url}/bomb")


def test_time_is_limited_however_slowly_a_server_drips(site: Site) -> None:
    """One deadline holds for the whole visit."""
    since = time.monotonic()
    with pytest.raises(TimeoutError, match="did not answer in time"):
        visitor(timeout=0.5)(f"{site.url}/drip")

    assert time.monotonic() - since < 3


def test_failures_say_what_happened(site: Site) -> None:
    """A missing page, a page cut in the middle, no server and no such name are connection errors with their reason."""
    with pytest.raises(ConnectionError, match="answered 404 Not Found"):
        visitor()(f"{site.url}/nothing")
    with pytest.raises(ConnectionError, match="ended before its end"):
        visitor()(f"{site.url}/cut")
    with pytest.raises(ConnectionError, match="is not known"):
        visitor()("http://nothing.invalid/")
    site.close()
    with pytest.raises(ConnectionError, match="cannot be read"):
        visitor()(f"{site.url}/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://",
        "http://u:p@example.com/",
        "http://x:y/",
    ],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    """Only http and https addresses without a password are taken."""
    with pytest.raises(ValueError, match=r"web address|user name|no number|port"):
        VisitWebpageTool()(url)


def test_a_deeply_nested_page_is_still_read(site: Site) -> None:
    """A page nested beyond reason gives its text."""
    site.pages["/deep"] = ("text/html", b"<div>" * 20_000 + b"at the bottom" + b"</div>" * 20_000)

    assert "at the bottom" in visitor()(f"{site.url}/deep")


def test_long_pages_are_cut_and_say_so(site: Site) -> None:
    """What is left out is counted."""
    site.pages["/long"] = ("text/plain", b"x" * 1000)

    assert (
        visitor(max_output_length=100)(f"{site.url}/long")
        == "x" * 100 + "\n\n[900 more characters of this page are left out]"
    )


def test_wrong_networks_are_refused_when_the_tool_is_made() -> None:
    """A network that cannot be read is a UsageError."""
    with pytest.raises(UsageError, match="list of networks"):
        VisitWebpageTool(allow_private=["intranet"])


@pytest.mark.parametrize(
    "page",
    [b"<p>The words" + b"<a " * 200_000, b"<blockquote>" * 150 + b"The words<br>" * 300_000],
    ids=["tags without an end", "quotes in quotes"],
)
def test_a_page_that_would_take_hours_to_read_comes_as_its_words(site: Site, page: bytes) -> None:
    """What takes a reader of HTML time or memory without end takes a process of its own, which is ended."""
    site.pages["/"] = ("text/html", page)

    text = visitor(timeout=5.0)(f"{site.url}/")

    assert "The words" in text


def test_an_encoding_that_no_page_has_is_taken_for_utf_8(site: Site) -> None:
    """Python's punycode would take hours to read such a page."""
    site.pages["/"] = ("text/plain; charset=punycode", b"a" * 1_000_000 + b"-" + b"aa" * 1_000_000)

    assert visitor()(f"{site.url}/").startswith("aaaa")
