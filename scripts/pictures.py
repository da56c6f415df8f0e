"""Makes the pictures of the docs: a run in the terminal, its trace page, and the chat page, by Chromium.

`python -m scripts.pictures` writes those that the docs show into `docs/pictures`; with a folder it writes there, and
with `--all` the narrow, wide and dark ones too, to be looked at. Models are scripted; everything else is real.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import io
import itertools
import os
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from contextlib import suppress
from pathlib import Path
from typing import Any

from codeling import Approval, CodeAgent, GradioUI, Reply, SandboxExecutor, TerminalObserver, TraceFile, tool
from codeling.messages import Usage
from codeling.protocols import SessionSpec
from codeling.testing import ScriptedModel

DOCS = Path(__file__).parents[1] / "docs" / "pictures"
_TASK = (
    "Which of our three cities is the cheapest for a night, and how did visits grow? "
    "Plot the prices, and book three nights in the cheapest."
)
_CITIES = {"Lisbon": 92.5, "Oslo": 141.0, "Ghent": 118.25}
_REPLIES = (
    ("I need the visits first, then the prices of all cities at once.", 1240, 210, 0, """
import asyncio

table = visits(2025)  # one call
print(table.describe().round(2))
prices = dict(zip(table["city"], await asyncio.gather(*map(price, table["city"]))))
for city, cost in prices.items():
    print(f"{city:>8}: {cost:7.2f} EUR")
prices"""),
    ("Let me also try one more city.", 1630, 60, 1200, """
prices["Atlantis"] = price("Atlantis")
print(prices)"""),
    ("That one does not exist. I plot what I have, and have the text judged.", 2210, 190, 1600, """
import matplotlib.pyplot as plt

plt.figure(figsize=(5, 2.4))
plt.bar(list(prices), list(prices.values()), color=["#6d4aff", "#0b7a75", "#b45309"])
plt.title("Price of a night, EUR")
plt.tight_layout()
verdict = critic("Judge this text: a quiet town by the water")
print(verdict)"""),
    ("Lisbon is the cheapest; I book it and answer with the table.", 2490, 120, 2200, """
cheapest = min(prices, key=prices.get)
print(book(cheapest, nights=3))
table["price"] = [prices[city] for city in table["city"]]
final_answer(table.sort_values("price"))"""),
)  # fmt: skip
_CRITIC = (
    ("Count the words.", 1020, 60, 0, "words = 'a quiet town by the water'.split()\nlen(words)"),
    ("Done.", 1100, 40, 900, "final_answer({'words': len(words), 'tone': 'quiet'})"),
)  # fmt: skip
_WINDOWS = {"wide": {"width": 1160, "height": 1180}, "narrow": {"width": 390, "height": 844}}


@tool
def visits(year: int) -> Any:
    """Give the visits of each city in a year, as a table."""
    import pandas as pd

    return pd.DataFrame({"city": list(_CITIES), "visits": [1204, 388, 295], "growth": [0.12, -0.03, 0.40]})


@tool
async def price(city: str) -> float:
    """Give the price of a night in a city."""
    await asyncio.sleep(0.2 + 0.05 * len(city) % 0.3)
    if city not in _CITIES:
        raise LookupError(f"no such city: {city!r}")
    return _CITIES[city]


@tool(effect="irreversible", needs_approval=True)
def book(city: str, nights: int) -> str:
    """Book nights in a city."""
    return f"{nights} nights in {city} are booked"


def agent(**options: Any) -> CodeAgent:
    """Give the agent of all pictures; what takes long to import is there before anything is timed."""
    import pandas as pd

    pd.DataFrame({"warm": [1]}).describe()
    executor = SandboxExecutor(preload=["pandas", "matplotlib.pyplot"])
    critic = CodeAgent([], _model(_CRITIC), name="critic", description="Judges a text.")
    return CodeAgent(
        [visits, price, book], _model(_REPLIES), managed_agents=[critic], name="guide", executor=executor,
        description="Finds the best price for a night.", **options,
    )  # fmt: skip


def _model(replies: Any) -> ScriptedModel:
    told = itertools.cycle([_reply(*reply) for reply in replies])  # every run and every visitor gets all of them
    return ScriptedModel(lambda _: next(told), delay=0.7)


def _reply(said: str, asked: int, wrote: int, cached: int, code: str) -> Reply:
    cost = asked / 6e5 + wrote / 1e5
    usage = Usage(input_tokens=asked, output_tokens=wrote, cached_tokens=cached, cost=cost)
    return Reply(content=f"{said}\n```python\n{code.strip()}\n```", model="scripted-large", usage=usage)


class _Yes:
    """Approves after a while, as a person does."""

    async def __call__(self, call: Any, reason: str, /) -> Approval:
        await asyncio.sleep(0.4)
        return Approval(approved=True)


def run(page: Path, *, live: bool) -> None:
    """Run once, shown on this process's stderr; the trace page goes to a file."""
    watching = [TerminalObserver(live=live), TraceFile(page)]
    with agent(observers=watching, approver=_Yes()) as made:
        asyncio.run(made.executor.open(SessionSpec())).close()  # what is preloaded takes long, once
        made.run(_TASK, additional_args={"budget": 400})


def recorded(page: Path, columns: int, *, live: bool = False) -> bytes:
    """Run in a process of its own whose stderr is a terminal; give all that it wrote there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    command = [sys.executable, "-m", "scripts.pictures", "--run", str(page), *(["--live"] if live else [])]
    env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": str(columns)}
    written = b""
    with subprocess.Popen(command, stderr=theirs, env=env):
        os.close(theirs)
        with suppress(OSError):  # how a terminal ends whose other side has closed
            while chunk := os.read(ours, 1 << 16):
                written += chunk
    os.close(ours)
    return written


def drawn(written: bytes, columns: int) -> str:
    """Give what stands on a terminal as SVG."""
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=columns, file=io.StringIO())
    console.print(Text.from_ansi(written.decode().replace("\r\n", "\n")))
    return console.export_svg(title="codeling run")


def terminal(browser: Any, written: bytes, columns: int, lines: int, path: Path) -> None:
    """Make a picture of the first lines of a recording."""
    shown = b"\n".join(written.strip(b"\r\n").split(b"\n")[:lines])
    page = browser.new_page(viewport={"width": 10 * columns + 20, "height": 200})
    page.set_content(f"<body style='margin:0;background:transparent'>{drawn(shown, columns)}</body>")
    page.locator("svg").first.screenshot(path=path, omit_background=True)
    page.close()


def trace(browser: Any, file: Path, folder: Path, *, name: str, scheme: str, size: str, whole: bool = False) -> None:
    """Make a picture of the trace page."""
    page = browser.new_page(viewport=_WINDOWS[size], color_scheme=scheme)
    page.goto(file.as_uri())
    page.wait_for_timeout(300)
    if size == "wide" and not whole:
        page.locator("#s0 > summary").click()
        page.evaluate("scrollTo(0, 0)")
    if size == "narrow" and not whole:
        page.locator("#s2 > summary").click()
        page.locator("#s2 details.call > summary").first.click()
        page.evaluate("document.getElementById('s2').scrollIntoView()")
    page.screenshot(path=folder / f"{name}.png", full_page=whole)
    page.close()


def chat(browser: Any, url: str, folder: Path, *, name: str, scheme: str, size: str, asks: str = "") -> None:
    """Make pictures of the chat page: while it asks, if that has a name, and when it is done."""
    window = {"width": 1000, "height": 1260} if size == "wide" else _WINDOWS["narrow"]
    page = browser.new_page(viewport=window, color_scheme=scheme)
    page.set_default_timeout(120_000)
    page.goto(url + ("?__theme=dark" if scheme == "dark" else "?__theme=light"))
    page.locator("textarea").first.fill(_TASK)
    page.locator("textarea").first.press("Enter")
    page.get_by_role("button", name="Approve").wait_for()
    page.wait_for_timeout(1500)
    if asks:
        page.screenshot(path=folder / asks)
    page.get_by_role("button", name="Approve").click()
    page.locator("#chat").get_by_text("trace-").first.wait_for()
    page.wait_for_timeout(1500)
    page.locator("#chat").get_by_text("Step 4", exact=True).first.click()
    page.wait_for_timeout(800)
    page.screenshot(path=folder / f"{name}.png")
    page.close()


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(prog="python -m scripts.pictures", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DOCS)
    parser.add_argument("--all", action="store_true", help="the narrow, wide and dark ones too")
    parser.add_argument("--run", type=Path, metavar="PAGE", help=argparse.SUPPRESS)
    parser.add_argument("--live", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        return run(options.run, live=options.live)
    from playwright.sync_api import sync_playwright

    options.folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as made, sync_playwright() as driver:
        page = Path(made) / "trace.html"
        recordings = {columns: recorded(page, columns) for columns in ((80, 100, 120) if options.all else (100,))}
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        _pictures(browser, page, recordings, options.folder, everything=options.all)
        browser.close()
    return None


def _pictures(browser: Any, file: Path, recordings: Any, folder: Path, *, everything: bool) -> None:
    terminal(browser, recordings[100], 100, 52, folder / "terminal.png")
    for name, scheme, size in (("light", "light", "wide"), ("dark", "dark", "wide"), ("narrow", "light", "narrow")):
        trace(browser, file, folder, name=f"trace-{name}", scheme=scheme, size=size)
    if everything:
        for columns, written in recordings.items():
            terminal(browser, written, columns, 400, folder / f"terminal-{columns}.png")
        for scheme in ("light", "dark"):
            for size in _WINDOWS:
                trace(browser, file, folder, name=f"whole-{scheme}-{size}", scheme=scheme, size=size, whole=True)
    _, url, _ = GradioUI(agent()).launch(prevent_thread_lock=True, quiet=True)
    chat(browser, url, folder, name="gradio-light", scheme="light", size="wide", asks="gradio-asks.png")
    chat(browser, url, folder, name="gradio-dark", scheme="dark", size="wide")
    for scheme in ("light", "dark") if everything else ():
        name = f"gradio-{scheme}-narrow"
        chat(browser, url, folder, name=name, scheme=scheme, size="narrow", asks=f"{name}-asks.png")


if __name__ == "__main__":
    main()
