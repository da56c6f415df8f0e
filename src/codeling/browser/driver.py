"""Chromium by Playwright, on a loop and thread of its own, so that runs on any loop can use it.

Pages are hostile. They reach only what the gate lets through, their dialogs are answered, their downloads
refused or put into one folder, and whatever takes too long is given up.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import shutil
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from ..errors import MissingDependency
from ..forms.libraries import needed
from .gate import Gate

__all__ = ("Driver",)

T = TypeVar("T")
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--proxy-bypass-list=<-loopback>", "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic", "--disable-background-networking", "--disable-dev-shm-usage",
)  # fmt: skip
_VARIABLES = ("PATH", "HOME", "LANG", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "PLAYWRIGHT_BROWSERS_PATH")
_MOST_NOTES = 20
_FAILED, _TRIES, _GLANCE = "chrome-error:", 3, 0.1
_TELLING = ("element is not", "did not find", "intercepts pointer events", "element was detached")
"""What says in Playwright's log why a thing could not be done."""
_PATIENCE = 3.0
"""Seconds beyond Playwright's own patience, for a page whose process answers nothing."""


class Driver:
    """One browser with one page at a time. Started by its first use."""

    def __init__(
        self, *, gate: Gate, headless: bool, timeout: float, downloads: Path | None, executable: str | None,
        size: tuple[int, int], sandbox: bool,
    ) -> None:  # fmt: skip
        self.gate, self.timeout, self._downloads = gate, timeout, downloads
        self._options = {"headless": headless, "chromium_sandbox": sandbox}
        self._size, self._executable = size, executable
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._playwright: Any = None
        self._context: Any = None
        self._page: Any = None
        self._hung: list[Any] = []
        """Pages that answered nothing: one that hangs may take its time to be closed."""
        self.notes: list[str] = []
        """What happened on the page by itself, such as a dialog."""

    @property
    def unused(self) -> bool:
        """Whether no page was ever opened."""
        return self._context is None

    async def do(self, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        """Do something with the page. Raises TimeoutError, LookupError, PermissionError, ConnectionError."""
        loop = self._running()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._do(work), loop))

    async def open(self, page: Any, address: str) -> Any:
        """Go to an address; gives the response, if there is one.

        The page that says why the last one failed comes late, and breaks off this one: then it is opened again.
        """
        late = [f'interrupted by another navigation to "{by}' for by in (_FAILED, address)]
        for _ in range(_TRIES):
            try:
                return await page.goto(address, wait_until="commit")
            except Exception as error:
                if not any(told in str(error) for told in late):
                    raise
            await asyncio.sleep(_GLANCE)
        return await page.goto(address, wait_until="commit")

    async def settled(self, page: Any = None) -> Any:
        """Give the page, by default the newest, once it can be read. What it still loads is not waited for long."""
        page = page or self._page
        with suppress(Exception):  # one that goes on loading can be read as far as it is there
            await page.wait_for_load_state("domcontentloaded", timeout=self.timeout * 1000 / 3)
        return page

    def close(self) -> None:
        """End the browser and its thread."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop and thread:
            asyncio.run_coroutine_threadsafe(self._end(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="codeling-browser", daemon=True)
                self._thread.start()
            return self._loop

    async def _do(self, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        page = await self._current()
        errors = needed("playwright.async_api", extra="browser", by="Browser")
        self.gate.refused.clear()
        self.gate.unreached.clear()
        try:
            async with asyncio.timeout(self.timeout + _PATIENCE):
                return await work(page)
        except (errors.TimeoutError, TimeoutError) as error:
            if await self._answers(page):
                raise TimeoutError(f"it took longer than {self.timeout:g} s: {_reason(error)}") from None
            await self._renew()
            raise TimeoutError("the page answers nothing any more; it was closed, and an empty one is open") from None
        except errors.Error as error:
            if "ERR_TUNNEL_CONNECTION_FAILED" in str(error) and (self.gate.refused or self.gate.unreached):
                kind = PermissionError if self.gate.refused else ConnectionError
                raise kind("; ".join((self.gate.refused or self.gate.unreached).values())) from None
            if "Download is starting" in str(error):
                raise PermissionError(f"that is a download: {'; '.join(self.notes[-1:]) or 'not a page'}") from None
            raise (ConnectionError if "net::" in str(error) else RuntimeError)(_line(error)) from None

    async def _current(self) -> Any:
        if self._context is None:
            await self._start()
        if self._page is None or self._page.is_closed():  # such as a window that closed itself: go on in the one before
            left = [page for page in self._context.pages if not page.is_closed() and page not in self._hung]
            self._page = left[-1] if left else await self._context.new_page()
        return self._page

    async def _start(self) -> None:
        api = needed("playwright.async_api", extra="browser", by="Browser")
        port = await self.gate.open()
        self._playwright = await api.async_playwright().start()
        chromium = self._playwright.chromium
        browser = await chromium.launch(
            **self._options, executable_path=self._executable or _found(chromium.executable_path),
            args=list(_FLAGS), proxy={"server": f"http://127.0.0.1:{port}"},
            env={name: os.environ[name] for name in _VARIABLES if name in os.environ},
        )  # fmt: skip
        width, height = self._size
        self._context = await browser.new_context(
            viewport={"width": width, "height": height}, accept_downloads=self._downloads is not None,
            service_workers="block",
        )  # fmt: skip
        self._context.set_default_timeout(self.timeout * 1000)
        self._context.on("page", self._opened)

    def _opened(self, page: Any) -> None:
        """Look after a new page: it is the one that is worked with from now on."""
        self._page = page
        page.on("dialog", self._on_dialog)
        page.on("download", self._on_download)

    def note(self, text: str) -> None:
        """Note what happened, each thing once: a page can say the same for ever."""
        if text not in self.notes[-_MOST_NOTES:]:
            self.notes = [*self.notes, text][-_MOST_NOTES:]

    async def _on_dialog(self, dialog: Any) -> None:
        self.note(f"a dialog ({dialog.type}) said {dialog.message[:500]!r} and was closed")
        with suppress(Exception):  # the page may be gone by now, with its dialog
            await (dialog.accept() if dialog.type in ("alert", "beforeunload") else dialog.dismiss())

    async def _on_download(self, download: Any) -> None:
        name = Path(download.suggested_filename).name or "download"
        if self._downloads is None:
            self.note(f"a download of {name!r} was refused")
            with suppress(Exception):  # it may have been cancelled by the browser already
                await download.cancel()
            return
        target = _free(self._downloads / name)
        with suppress(Exception):  # one that fails is told of as well as one that does not
            await download.save_as(target)
        self.note(f"{target} was downloaded" if target.exists() else f"the download of {name!r} failed")

    async def _answers(self, page: Any) -> bool:
        with suppress(Exception):  # whatever goes wrong, it does not answer
            async with asyncio.timeout(_PATIENCE):
                await page.evaluate("1")
                return True
        return False

    async def _renew(self) -> None:
        page, self._page = self._page, None
        self._hung.append(page)
        with suppress(Exception):  # a page that hangs may also hang in being closed
            async with asyncio.timeout(_PATIENCE):
                await page.close()

    async def _end(self) -> None:
        self.gate.close()
        if self._playwright:
            with suppress(Exception):  # whatever is left ends with the driver's process
                async with asyncio.timeout(_PATIENCE):
                    await self._context.browser.close()
            await self._playwright.stop()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for _ in range(3):  # a connection is closed some turns of the loop after it was told so
            await asyncio.sleep(0)


def _free(path: Path) -> Path:
    """Give the path, or one like it, at which nothing lies: a page must not overwrite what it did not bring."""
    others = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return next(found for found in itertools.chain([path], others) if not found.exists())


def _found(own: str) -> str:
    """Give Playwright's own Chromium, or the system's. Raises `MissingDependency`."""
    if Path(own).exists():
        return own
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    raise MissingDependency(
        "there is no Chromium here: run `playwright install chromium`, or install your system's package `chromium`"
    )


def _reason(error: Exception) -> str:
    """Give why something was waited for in vain, as the log of the attempts says it."""
    lines = [line.strip(" -") for line in str(error).splitlines()]
    return next((line for line in reversed(lines) if any(word in line for word in _TELLING)), _line(error))


def _line(error: Exception) -> str:
    """Give an error's first words, without the name of the call."""
    text = str(error).partition("\nCall log:")[0].strip()
    return re.sub(r"^(\w+\.\w+: )?(Error: )?", "", text)[:500]
