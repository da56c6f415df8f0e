"""What programs may do in a browser: functions that name things as a person sees them, by label, text and role."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ..errors import UsageError
from ..forms.libraries import needed
from ..protocols import running
from ..tools import FunctionTool, Tool
from .driver import Driver
from .gate import Gate
from .returning import last_address

__all__ = ("Browser",)

T = TypeVar("T")
_MOST_TEXT = 200_000
_ROLES = ("button", "link", "checkbox", "radio", "tab", "menuitem", "option", "switch")


class Browser(AbstractContextManager["Browser"]):
    """A Chromium of its own, with a page that programs see and act on: give an agent `browser.tools`.

    `hosts` are the only ones that anything on a page may reach, such as `["*.example.org", "127.0.0.1:8000"]`;
    without them it is the public internet, and never this machine or its network. Downloads are refused,
    or put into the folder `downloads`. `timeout` is in seconds for each thing that is done. `start` is the page that
    is open at first; in a resumed run it is the one where the run was. `sandbox` is Chromium's own, on unless the
    user is root, for whom Chromium has none. Use one browser for one run at a time.
    """

    def __init__(
        self, *, hosts: Sequence[str] | None = None, headless: bool = True, timeout: float = 15.0,
        downloads: str | os.PathLike[str] | None = None, start: str | None = None, executable: str | None = None,
        size: tuple[int, int] = (1280, 800), sandbox: bool | None = None,
    ) -> None:  # fmt: skip
        if isinstance(hosts, str):
            raise UsageError(f"`hosts` is a list of hosts; write [{hosts!r}]")
        folder = None if downloads is None else Path(downloads)
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = "it is no folder" if isinstance(error, (FileExistsError, NotADirectoryError)) else error.strerror
            raise UsageError(f"no downloads can be put into {str(folder)!r}: {why}") from error
        self._start = start
        self._driver = Driver(
            gate=Gate(hosts), headless=headless, timeout=timeout, downloads=folder, executable=executable, size=size,
            sandbox=os.geteuid() != 0 if sandbox is None else sandbox,
        )  # fmt: skip

    @property
    def tools(self) -> list[Tool]:
        """The functions, for an agent's `tools`."""
        looks = (self.read, self.find, self.screenshot)
        moves = (self.go, self.back, self.scroll)
        acts = (self.click, self.type_text, self.choose)
        return [
            *(FunctionTool(function, effect="read") for function in looks),
            *(FunctionTool(function, effect="idempotent") for function in moves),
            *(FunctionTool(function, effect="write") for function in acts),
        ]

    def close(self) -> None:
        """End the browser."""
        self._driver.close()

    def __exit__(self, *error: object) -> None:
        self.close()

    async def _do(self, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        if self._driver.unused:
            await self._return()
        return await self._driver.do(work)

    async def _return(self) -> None:
        """Open the page at which the run was when it was cut off, or the first one."""
        run = running()
        address = last_address(run.events if run else ())
        if address or self._start:
            try:
                await self._open(address or str(self._start))
            except (OSError, LookupError) as error:
                self._driver.note(f"{address or self._start} could not be opened: {error}")
                return
        if address:
            self._driver.note(
                f"the browser was begun anew at {address}: what was typed there, and every login, is gone"
            )

    async def go(self, url: str) -> dict[str, Any]:
        """Open a web address. Gives the page's 'url', 'title' and HTTP 'status'."""
        return await self._open(url)

    async def _open(self, url: str) -> dict[str, Any]:
        address = _web_address(url)

        async def work(page: Any) -> dict[str, Any]:
            response = await self._driver.open(page, address)
            await self._driver.settled(page)
            where = urlsplit(page.url)
            place = f"{where.hostname}:{where.port or (443 if where.scheme == 'https' else 80)}"
            if why := self._driver.gate.refused.get(place):
                raise PermissionError(why)
            if why := self._driver.gate.unreached.get(place):
                raise ConnectionError(why)
            return {"url": page.url, "title": await page.title(), "status": response.status if response else None}

        return await self._driver.do(work)

    async def back(self) -> str:
        """Go back to the page before. Gives its address."""

        async def work(page: Any) -> str:
            await page.go_back(wait_until="commit")
            await self._driver.settled(page)
            return str(page.url)

        return await self._do(work)

    async def read(self) -> str:
        """Give the page as an outline: each thing's role and name, such as `- button "Send"`, and all texts."""

        async def work(page: Any) -> str:
            outline = await page.aria_snapshot()
            notes, self._driver.notes = self._driver.notes, []
            return "\n".join([f"{await page.title()} ({page.url})", *(f"Note: {note}" for note in notes), outline])[
                :_MOST_TEXT
            ]

        return await self._do(work)

    async def find(self, text: str) -> list[str]:
        """Give the visible texts of the page that hold a text, at most 20, and scroll to the first."""

        async def work(page: Any) -> list[str]:
            found = page.get_by_text(text).filter(visible=True)
            if await found.count():
                await found.first.scroll_into_view_if_needed()
            return [str(item)[:2000] for item in (await found.all_inner_texts())[:20]]

        return await self._do(work)

    async def scroll(self, screens: float = 1.0) -> float:
        """Scroll down by so many screens, or up by a negative number. Gives how far down that is, from 0 to 1."""

        async def work(page: Any) -> float:
            height = (page.viewport_size or {"height": 800})["height"]
            await page.mouse.wheel(0, screens * height)
            await page.wait_for_timeout(100)
            return float(
                await page.evaluate("scrollY / Math.max(document.documentElement.scrollHeight - innerHeight, 1)")
            )

        return await self._do(work)

    async def screenshot(self) -> Any:
        """Take a picture of what is visible. As a program's last line, it is seen."""
        pillow = needed("PIL.Image", extra="browser", by="Browser")

        async def work(page: Any) -> Any:
            return pillow.open(io.BytesIO(await page.screenshot()))

        return await self._do(work)

    async def click(self, name: str, role: str | None = None, number: int | None = None) -> str:
        """Click on what is named so, such as a button or link. Gives the address of the page afterwards.

        Where several fit, `role` ('button', 'link', 'checkbox', …) or `number`, from 0, says which.
        """

        async def work(page: Any) -> str:
            target = await _named(page, name, _clickable(page, name, role), number, role=role)
            await target.click()
            return str((await self._driver.settled()).url)

        return await self._do(work)

    async def type_text(self, label: str, text: str, submit: bool = False, number: int | None = None) -> str:
        """Put a text into the field with this label; `submit` presses Enter. Gives the page's address."""

        async def work(page: Any) -> str:
            target = await _named(page, label, _fields(page, label), number)
            await target.fill(text)
            if submit:
                await target.press("Enter")
            return str((await self._driver.settled()).url)

        return await self._do(work)

    async def choose(self, label: str, option: str, number: int | None = None) -> list[str]:
        """Choose an option, by its text, in the list with this label. Gives the values that are chosen."""

        async def work(page: Any) -> list[str]:
            target = await _named(page, label, [page.get_by_label(label, exact=True), page.get_by_label(label)], number)
            options = [text.strip() for text in await target.locator("option").all_inner_texts()]
            if option not in options:
                raise LookupError(f"{label!r} has no option {option!r}; it has: {options[:50]}")
            return list(await target.select_option(label=option))

        return await self._do(work)


def _clickable(page: Any, name: str, role: Any) -> list[Any]:
    """Give the ways to understand a name, the most exact one first."""
    if role:
        return [page.get_by_role(role, name=name, exact=True), page.get_by_role(role, name=name)]
    first, *others = (page.get_by_role(role, name=name, exact=True) for role in _ROLES)
    for other in others:
        first = first.or_(other)
    return [first, page.get_by_label(name, exact=True), page.get_by_text(name, exact=True), page.get_by_text(name)]


def _fields(page: Any, label: str) -> list[Any]:
    field = page.get_by_role("textbox", name=label).or_(page.get_by_role("searchbox", name=label))
    exact = page.get_by_role("textbox", name=label, exact=True)
    return [
        exact,
        page.get_by_label(label, exact=True),
        field,
        page.get_by_label(label),
        page.get_by_placeholder(label),
    ]


def _web_address(url: str) -> str:
    """Give the whole address. Raises PermissionError for what is none."""
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        good = (
            parts.scheme in ("http", "https")
            and parts.hostname
            and not re.search(r"\s", parts.netloc)
            and parts.port != 0
        )
    except ValueError:  # a port that is no number, or a bracket that is not closed
        good = False
    if not good:
        raise PermissionError(f"{url!r} is not a web address; write it with http:// or https://")
    return parts.geturl()


async def _named(page: Any, name: str, ways: Sequence[Any], number: int | None, *, role: str | None = None) -> Any:
    """Give the one thing that is meant. Raises LookupError where there is none, or more than one."""
    if not name.strip():
        raise LookupError("say by its name what is meant; read() gives the names")
    for way in ways:
        found = way.filter(visible=True)
        count = await found.count()
        if count == 1 if number is None else 0 <= number < count:
            return found.nth(number or 0)
        if count == 1:
            raise LookupError(f"one thing only is named {name!r}; leave out number={number}")
        if count:
            texts = [text.strip()[:60] for text in (await found.all_inner_texts())[:10]]
            raise LookupError(f"{count} things are named {name!r}: {texts}; say which with number=0 to {count - 1}")
    of_role = f" and is a {role}" if role else ""
    raise LookupError(f"nothing on {page.url} is named {name!r}{of_role}; read() gives what is there")
