"""A real headless Chromium on pages of loopback, driven by programs in the default sandbox."""

from __future__ import annotations

import io
import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from codeling import Browser, CodeAgent, MemoryJournal, RunPaused, tool
from codeling.testing import ScriptedModel

from ..core.helpers import program
from ..models.loopback import Loopback, streams

pytest.importorskip("playwright", reason="the extra 'browser' is not installed")
pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), reason="there is no Chromium"
)

PAGES = {
    "/": "<title>Shop</title><h1>Fruit</h1><a href='/pears'>Pears</a> <a href='/form'>Order</a><button>Go</button><button>Go</button>",
    "/pears": "<title>Pears</title><p>There are 12 pears.</p><div style='height:3000px'></div><p>The end.</p>",
    "/form": "<title>Order</title><form action='/done'><label>Your name <input name=n></label>"
    "<label>Size <select name=s><option value=1>small<option value=2>large</select></label><button>Send</button></form>",
    "/done": "<title>Done</title><p id=p></p><script>p.textContent = location.search</script>",
    "/dialog": "<title>Asks</title><button onclick=\"document.title = confirm('Sure?') + ' ' + alert('Oh')\">Ask</button>",
    "/leaks": "<title>Leaks</title><img src='OTHER/picture'><iframe src='OTHER/frame'></iframe>"
    "<script>fetch('OTHER/fetch', {mode: 'no-cors'}).catch(() => 0); new WebSocket('WS/socket'); navigator.sendBeacon('OTHER/beacon', 'x')</script>",
    "/popup": "<title>Opener</title><button onclick=\"window.open('/closes')\">Open</button>",
    "/closes": "<title>Window</title><button onclick='window.close()'>Close</button>",
    "/dead": "<title>Dead</title><button disabled>Send</button><label>Size <select><option>small<option>large</select></label>",
    "/alerts": "<title>Nags</title><button onclick='for (i = 0; i < 50; i++) alert(1)'>Nag</button>",
    "/stuck": "<title>Stuck</title><button onclick='while (true);'>Hang</button>",
}


class Site(ThreadingHTTPServer):
    """Pages, and what was asked for."""

    def __init__(self, other: str = "") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.other = other
        self.closing = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def address(self, path: str) -> str:
        return f"http://{self.host}{path}"


class Handler(BaseHTTPRequestHandler):
    """Serves `PAGES`, a redirect, a download and a page that never comes."""

    server: Site

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        path = self.path.partition("?")[0]
        if path == "/away":
            return self.answer(b"", 302, Location=f"http://{self.server.other}/secret")
        if path == "/never":
            self.server.closing.wait(30)
            return None
        if path == "/login":
            return self.answer(b"who?", 401, WWW_Authenticate='Basic realm="x"')
        if path == "/file":
            return self.answer(b"contents", 200, Content_Disposition="attachment; filename=list.txt")
        page = (
            PAGES.get(path, "")
            .replace("OTHER", f"http://{self.server.other}")
            .replace("WS", f"ws://{self.server.other}")
        )
        return self.answer(page.encode(), 200 if page else 404, Content_Type="text/html")

    def answer(self, body: bytes, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def other() -> Iterator[Site]:
    site = Site()
    yield site
    site.shutdown()
    site.server_close()


@pytest.fixture(scope="module")
def site(other: Site) -> Iterator[Site]:
    made = Site(other.host)
    yield made
    made.closing.set()
    made.shutdown()
    made.server_close()


@pytest.fixture(scope="module")
def browser(site: Site) -> Iterator[Browser]:
    with Browser(hosts=[site.host], timeout=20) as made:
        yield made


def run(browser: Browser, *programs: str, **values: Any) -> Any:
    model = ScriptedModel([program(code) for code in programs])
    with CodeAgent(browser.tools, model) as agent:
        result = agent.run("Look.", additional_args=values, return_full_result=True)
    assert result.state == "success", result.error
    return result


def test_a_program_reads_clicks_and_fills_a_form(browser: Browser, site: Site) -> None:
    """Things are named as a person sees them; variables and pages live from step to step."""
    result = run(
        browser,
        "page = await go(url)\nprint(page)\nprint(read())\nclick('Pears')\nfacts = find('pears')\nbefore = scroll(0)\nafter = scroll(2)",
        "home = back()\nclick('Order', role='link')\ntype_text('Your name', 'Ann')\nchoose('Size', 'large')\nclick('Send')\n"
        "final_answer([facts, before, after > 0.2, home, read()])",
        url=f"http://{site.host}/",
    )  # fmt: skip
    facts, before, moved, home, last = result.output

    assert "'title': 'Shop', 'status': 200" in result.steps[0].output
    assert '- button "Go"' in result.steps[0].output
    assert (facts, before, moved) == (["There are 12 pears."], 0, True)
    assert home == f"http://{site.host}/"
    assert "?n=Ann&s=2" in last


def test_what_is_not_there_or_not_clear_is_said(browser: Browser, site: Site) -> None:
    """An error names what was meant, and how to say it better."""
    code = (
        "go(url)\nsaid = []\nfor what in [lambda: click('Nope'), lambda: click('Go'), lambda: go('file:///etc/passwd')]:\n"
        "    try:\n        what()\n    except Exception as error:\n        said.append(str(error))\nclick('Go', number=1)\nfinal_answer(said)"
    )
    nothing, several, scheme = run(browser, code, url=f"http://{site.host}/").output

    assert "nothing on http" in nothing
    assert "2 things are named 'Go'" in several
    assert "is not a web address" in scheme


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("click('Send')", "element is not enabled"),
        ("click('Send', number=3)", "one thing only is named 'Send'; leave out number=3"),
        ("click('Send', role='link')", "is named 'Send' and is a link"),
        ("click(' ')", "say by its name what is meant"),
        ("choose('Size', 'huge')", "'Size' has no option 'huge'; it has: ['small', 'large']"),
        ("type_text('Size', 'large')", "Element is not an <input>"),
        ("go('what is this')", "'what is this' is not a web address"),
        ("go('javascript:alert(1)')", "'javascript:alert(1)' is not a web address"),
    ],
)
def test_what_cannot_be_done_says_why(site: Site, act: str, said: str) -> None:
    """The reason, and not that it took long."""
    code = f"go(url)\ntry:\n    {act}\nexcept Exception as error:\n    final_answer(str(error))"
    with Browser(hosts=[site.host], timeout=3) as browser:
        assert said in run(browser, code, url=site.address("/dead")).output


def test_windows_come_and_go(browser: Browser, site: Site) -> None:
    """A new window is the page that is worked with; once it has closed itself it is the one before. A nag is told once."""
    code = (
        "import time\ngo(base + '/popup')\nclick('Open')\ntime.sleep(1)\nseen = [read()]\nclick('Close')\ntime.sleep(1)\nseen.append(read())\n"
        "go(base + '/alerts')\nclick('Nag')\nfinal_answer([*seen, read()])"
    )
    window, opener, nags = run(browser, code, base=site.address("")).output

    assert (window.split(" ")[0], opener.split(" ")[0]) == ("Window", "Opener")
    assert nags.count("a dialog (alert)") == 1


def test_nothing_reaches_another_host(browser: Browser, site: Site, other: Site) -> None:
    """Not an address that is asked for, a redirect, nor any part of a page; the page itself is there."""
    code = (
        "said = []\nfor url in urls:\n    try:\n        go(url)\n    except Exception as error:\n        said.append(str(error))\n"
        "page = go(leaks)\nimport time\ntime.sleep(1)\nread()\nfinal_answer([said, page['title']])"
    )
    said, title = run(
        browser, code, urls=[f"http://{other.host}/direct", f"http://{site.host}/away", f"http://localhost:{other.server_address[1]}/"],
        leaks=f"http://{site.host}/leaks",
    ).output  # fmt: skip

    assert len(said) == 3, said
    assert all("is not among the hosts that may be visited" in error for error in said), said
    assert title == "Leaks"
    assert other.asked == []


@pytest.mark.parametrize("hosts", [None, ["*"], ["*:*"], ["127.*"]])
def test_this_machine_is_not_the_public_internet(site: Site, hosts: list[str] | None) -> None:
    """Without a host that is named in full, loopback is refused: whoever owns a domain gives its names any address."""
    before = len(site.asked)
    with Browser(hosts=hosts, timeout=20) as browser:
        code = "try:\n    go(url)\nexcept Exception as error:\n    final_answer(str(error))"
        said = run(browser, code, url=f"http://{site.host}/").output

    assert "not on the public internet" in said
    assert len(site.asked) == before


def test_dialogs_are_answered_and_told(browser: Browser, site: Site) -> None:
    """A question is answered with no, and the next look at the page says what was asked."""
    answer = run(browser, "go(url)\nclick('Ask')\nfinal_answer(read())", url=f"http://{site.host}/dialog").output

    assert answer.startswith("false undefined")
    assert "a dialog (confirm) said 'Sure?' and was closed" in answer
    assert "a dialog (alert) said 'Oh'" in answer


def test_downloads_are_refused_unless_there_is_a_folder_for_them(site: Site, browser: Browser, tmp_path: Path) -> None:
    """A refused one is an error; with a folder it is put there, under its last name only, and overwrites nothing."""
    code = "try:\n    go(url)\nexcept Exception as error:\n    said = str(error)\nimport time\ntime.sleep(1)\nfinal_answer([said, read()])"
    said, page = run(browser, code, url=f"http://{site.host}/file").output

    assert "that is a download" in said
    assert "a download of 'list.txt' was refused" in said + page
    with Browser(hosts=[site.host], downloads=tmp_path / "got", timeout=20) as other:
        (tmp_path / "got" / "list.txt").write_text("mine")
        run(other, code, url=f"http://{site.host}/file")
    assert (tmp_path / "got" / "list.txt").read_text() == "mine"
    assert (tmp_path / "got" / "list-2.txt").read_bytes() == b"contents"


def test_a_page_that_never_loads_or_hangs_is_given_up(site: Site) -> None:
    """The program gets a TimeoutError, and the browser can be used afterwards."""
    code = (
        "said = []\ntry:\n    go(base + '/never')\nexcept Exception as error:\n    said.append(str(error))\n"
        "go(base + '/stuck')\nfor act in (lambda: click('Hang'), read):\n    try:\n        act()\n    except Exception as error:\n"
        "        said.append(str(error))\nfinal_answer([said, go(base + '/pears')['title']])"
    )
    with Browser(hosts=[site.host], timeout=3) as browser:
        said, title = run(browser, code, base=f"http://{site.host}").output

    assert "TimeoutError" in said[0]
    assert "TimeoutError" in said[-1]
    assert title == "Pears"


def test_a_page_that_fails_does_not_spoil_the_next(browser: Browser, site: Site) -> None:
    """After each page that could not be opened, the next one opens."""
    code = (
        "seen = []\nfor _ in range(6):\n    try:\n        go(base + '/login')\n    except ConnectionError as error:\n"
        "        seen.append(go(base + '/pears')['title'])\nfinal_answer(seen)"
    )
    assert run(browser, code, base=site.address("")).output == ["Pears"] * 6


def test_a_screenshot_is_seen(browser: Browser, site: Site) -> None:
    """As a program's last line it reaches the model and the result's artifacts."""
    result = run(browser, "go(url)\nscreenshot()", "final_answer(1)", url=f"http://{site.host}/pears")

    assert Pillow.open(io.BytesIO(result.artifacts[0].data)).size == (1280, 800)


@tool(needs_approval=True)
def pay() -> str:
    """Pay."""
    return "paid"


def test_a_resumed_run_is_where_it_was(site: Site) -> None:
    """A new browser opens the last address anew, once it is needed, and says what is lost."""
    journal = MemoryJournal()
    code = "go(url)\nclick('Pears')\npay()\nfinal_answer([find('pears'), read()])"
    with Browser(hosts=[site.host], timeout=20) as first, pytest.raises(RunPaused) as caught:
        agent = CodeAgent([pay, *first.tools], ScriptedModel([program(code)]), journal=journal)
        agent.run("Look.", additional_args={"url": f"http://{site.host}/"})
    before = len(site.asked)
    with Browser(hosts=[site.host], timeout=20) as second:
        agent = CodeAgent([pay, *second.tools], ScriptedModel([]), journal=journal)
        facts, page = agent.resume(caught.value.result.run_id, approve=True)

    assert facts == ["There are 12 pears."]
    assert f"the browser was begun anew at http://{site.host}/pears" in page
    assert [path for path in site.asked[before:] if path != "/favicon.ico"] == ["/pears"]


def codeling(*arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "codeling", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=timeout)


def test_the_command_works_in_a_browser(site: Site, tmp_path: Path) -> None:
    """`codeling browse` starts where it is told, and prints the answer alone; a fork of it has such a browser too."""
    server = Loopback()
    codes = ("print(find('pears'))", "type_text('Your name', 'Ann', submit=True)\nfinal_answer(read())")
    server.steps = [
        streams({"content": program(code)}) for code in (codes[0], f"go({site.address('/form')!r})", codes[1])
    ]
    journal = str(tmp_path / "runs.db")
    done = codeling(
        "browse", "Order.", "--start", site.address("/pears"), "--hosts", site.host, "--model", "openai:scripted",
        "--api-base", server.url, "--journal", journal,
    )  # fmt: skip
    [run] = codeling("runs", "--json", "--journal", journal).stdout.splitlines()
    forks = [
        codeling("fork", json.loads(run)["run_id"], "--journal", journal, "--step", str(step), "--reply", program(code))
        for step, code in ((2, f"final_answer({codes[0][6:-1]})"), (3, codes[1].replace("Ann", "Bob")))
    ]
    server.shutdown()
    server.server_close()

    assert done.returncode == 0, done.stderr
    assert "?n=Ann" in done.stdout
    assert "There are 12 pears." in done.stderr
    assert json.loads(forks[0].stdout) == ["There are 12 pears."], forks[0].stderr
    assert "?n=Bob" in forks[1].stdout, forks[1].stderr
    assert "the browser was begun anew" in forks[1].stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--start", "CLOSED", "--hosts", "127.0.0.1:*"], "cannot be reached"),
        (["--start", "OTHER", "--hosts", "example.org"], "is not among the hosts that may be visited"),
        (["--start", "OTHER"], "not on the public internet; say with --hosts which may be"),
        (["--start", "file:///etc/passwd"], "is not a web address; write it with http:// or https://"),
        (["--start", "http://[::1"], "'http://[::1' is not a web address"),
        (["--downloads", "FILE"], "it is no folder"),
        (["--hosts", "https://example.org/"], "without http and path; not 'https://example.org/'"),
    ],
    ids=["nobody there", "another host", "no host", "no address", "no url", "no folder", "no pattern"],
)
def test_the_command_says_what_it_cannot_do(other: Site, tmp_path: Path, arguments: list[str], said: str) -> None:
    """A sentence and the exit code of wrong usage, and no traceback; no model is asked."""
    (tmp_path / "file").touch()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}/"
    words = {"CLOSED": closed, "OTHER": other.address("/"), "FILE": str(tmp_path / "file")}
    model = ["--model", "openai:x", "--api-base", "http://127.0.0.1:9"]
    done = codeling("browse", "Look.", *model, *(words.get(word, word) for word in arguments))

    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
