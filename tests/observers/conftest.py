"""A real browser and a real Phoenix server, started by the tests that need them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from scripts import phoenix

PATIENCE = 120_000
"""Milliseconds that the browser may take for anything: machines that run tests are often busy."""
_QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="module")  # its driver keeps a loop in this thread, which other files' tests need
def browser() -> Iterator[Any]:
    """A headless Chromium, driven by playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the page is driven by playwright")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on this machine; Debian has it as the package 'chromium'")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found, args=_QUIET)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def window(browser: Any) -> Iterator[Any]:
    """One window for all tabs that need no other: what is loaded once stays in its cache."""
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    yield context
    context.close()


@pytest.fixture
def visit(browser: Any, window: Any) -> Iterator[Any]:
    """Open an address in a tab; an error in the page and a request to elsewhere fail the test."""
    opened: list[Any] = []
    strange: list[str] = []

    def open_page(address: str, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1100, "height": 900}, **options}) if options else window
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        opened.append(context if options else page)
        page.on("pageerror", lambda error: strange.append(f"error: {error}"))
        page.on("console", lambda said: strange.append(said.text) if "Security Policy" in said.text else None)
        page.on("request", lambda asked: strange.append(asked.url) if _elsewhere(asked.url) else None)
        page.goto(address)
        return page

    yield open_page
    for one in opened:
        one.close()
    assert strange == []


def _elsewhere(url: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:", "http://127.0.0.1", "http://localhost"))


@pytest.fixture(scope="session")
def phoenix_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Phoenix server of these tests' own; it is installed where it is missing."""
    if not phoenix.command().exists():
        try:
            phoenix.install()
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"Phoenix is not installed and cannot be: {error}; see scripts/phoenix.py")
    folder = tmp_path_factory.mktemp("phoenix")
    port, other = free_port(), free_port()
    settings = {
        "PHOENIX_WORKING_DIR": str(folder), "PHOENIX_HOST": "127.0.0.1", "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(other), "PHOENIX_TELEMETRY_ENABLED": "false", "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    }  # fmt: skip
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [phoenix.command(), "serve"], stdout=log, stderr=log, env={**os.environ, **settings}, cwd=folder
        )
        try:
            address = f"http://127.0.0.1:{port}"
            assert answers(f"{address}/healthz", 480), (folder / "log").read_text(errors="replace")[-2000:]
            yield address
        finally:
            server.terminate()
            server.wait(20)


def answers(address: str, seconds: float) -> bool:
    """Whether a server answers within this time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    return False


def free_port() -> int:
    """Give a port that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
