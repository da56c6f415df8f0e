"""Where the terminal observer puts its words: plain lines, or a terminal by way of rich.

A screen is given text that is safe already (`text.visible`) and never reads markup in it. It knows
nothing of events.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Iterator, Mapping
from typing import IO, Any, Literal, Protocol, TypeAlias

from ..errors import MissingDependency

__all__ = ("Mark", "Screen", "Style", "is_terminal", "screen_for")

Style: TypeAlias = Literal["plain", "faint", "strong", "thought", "call", "result", "good", "warning", "bad"]
Mark: TypeAlias = Literal["", "call", "result", "output"]

_TAIL = 6
_STYLES: Mapping[Style, str] = {
    "plain": "", "faint": "dim", "strong": "bold", "thought": "italic", "call": "cyan", "result": "cyan",
    "good": "bold green", "warning": "yellow", "bad": "red",
}  # fmt: skip
_MARKS: Mapping[Mark, str] = {"": "  ", "call": "  → ", "result": "  ← ", "output": "  │ "}
_PLAIN_MARKS: Mapping[Mark, str] = {"": "  ", "call": "  > ", "result": "  < ", "output": "  | "}


class Screen(Protocol):
    """A place to write to. `depth` is how many runs stand above."""

    live: bool
    """Whether `busy` is seen at all."""

    def heading(self, text: str, *, depth: int) -> None:
        """Begin a part."""
        ...

    def say(self, text: str, *, depth: int, style: Style = "plain", mark: Mark = "") -> None:
        """Write one or more lines."""
        ...

    def program(self, code: str, *, depth: int) -> None:
        """Write a Python program with the numbers of its lines."""
        ...

    def busy(self, key: str, text: str | None, *, tail: str = "", code: bool = False) -> None:
        """Say what is going on under this key and for how long, or with None that it is over.

        `tail` is the end of what is being written; with `code` it is Python.
        """
        ...

    def hold(self, *, on: bool) -> None:
        """Leave the terminal to somebody else until it is given back."""
        ...

    def flush(self) -> None:
        """Have everything that was said be there."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was found."""
        ...


def screen_for(file: IO[str] | None, color: bool | None, *, live: bool = True) -> Screen:
    """Give the best screen for a file: rich for terminals where it is installed, plain lines elsewhere.

    Without `live` it has no moving line.

    Raises `MissingDependency` where colour is asked for and rich is not there.
    """
    terminal = is_terminal(file)
    if color is False or (color is None and not terminal):
        return _Plain(file)
    if importlib.util.find_spec("rich") is None:
        if color:
            raise MissingDependency("colours need the library 'rich': pip install 'codeling[terminal]'")
        return _Plain(file)
    return _Rich(file, live=terminal and live)


def is_terminal(file: IO[str] | None) -> bool:
    """Whether a person sits before a file; None is stderr."""
    file = sys.stderr if file is None else file
    try:
        return file is not None and file.isatty()
    except (AttributeError, ValueError):  # an object that only has `write`, or a closed file
        return False


class _Plain:
    """Lines for logs, pipes and machines without rich."""

    live = False

    def __init__(self, file: IO[str] | None) -> None:
        self._file = file

        self._lines: list[str] = []
        """What is said and not written yet."""

    def heading(self, text: str, *, depth: int) -> None:
        self._lines += ["", "    " * depth + text]

    def say(self, text: str, *, depth: int, style: Style = "plain", mark: Mark = "") -> None:
        first = "    " * depth + _PLAIN_MARKS[mark]
        if "\n" not in text:
            self._lines.append((first + text).rstrip())
            return
        rest = first if mark == "output" else " " * len(first)
        self._lines += [((rest if n else first) + line).rstrip() for n, line in enumerate(text.split("\n"))]

    def program(self, code: str, *, depth: int) -> None:
        first = "    " * depth
        self._lines += [f"{first}{n:5}  {line}".rstrip() for n, line in enumerate(code.split("\n"), 1)]

    def busy(self, key: str, text: str | None, *, tail: str = "", code: bool = False) -> None:
        pass

    def hold(self, *, on: bool) -> None:
        pass

    def flush(self) -> None:
        lines, self._lines = self._lines, []
        file = sys.stderr if self._file is None else self._file
        if file is not None and lines:  # there is none in programs without a console
            text = "\n".join(lines) + "\n"
            if not text.isascii():
                encoding = getattr(file, "encoding", None) or "utf-8"
                text = text.encode(encoding, "backslashreplace").decode(encoding)
            file.write(text)
            file.flush()

    def close(self) -> None:
        self.flush()


class _Rich:
    """A terminal with colours and, while something is going on, a live line below."""

    def __init__(self, file: IO[str] | None, *, live: bool) -> None:
        from rich.console import Console

        self._console = Console(
            file=file, stderr=file is None, force_terminal=True, markup=False, emoji=False, highlight=False
        )  # fmt: skip
        # What rich does by default points stdout, whose pipe this need not be, to the void and exits.
        self._console.on_broken_pipe = lambda: None  # type: ignore[method-assign]
        self.live = live and not self._console.is_dumb_terminal
        self._live: Any = None
        self._held = False
        self._busy: dict[str, tuple[str, float, str, bool]] = {}
        self._spinner: Any = None

    def heading(self, text: str, *, depth: int) -> None:
        from rich.rule import Rule
        from rich.text import Text

        self._print(Text(), depth=depth, mark="")
        self._print(Rule(Text(text, style="bold"), align="left", style="dim"), depth=depth, mark="")

    def say(self, text: str, *, depth: int, style: Style = "plain", mark: Mark = "") -> None:
        from rich.text import Text

        self._print(Text(text, style=_STYLES[style]), depth=depth, mark=_MARKS[mark], again=mark == "output")

    def program(self, code: str, *, depth: int) -> None:
        from rich.syntax import Syntax

        syntax = Syntax(code, "python", theme=_theme(), line_numbers=True, word_wrap=True, background_color="default")
        self._print(syntax, depth=depth, mark="  ")

    def busy(self, key: str, text: str | None, *, tail: str = "", code: bool = False) -> None:
        if not self.live:
            return
        if text is None:
            self._busy.pop(key, None)
        else:
            since = self._busy[key][1] if key in self._busy else time.monotonic()
            self._busy[key] = (text, since, tail, code)
        self._draw()

    def hold(self, *, on: bool) -> None:
        self._held = on
        self._draw()

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self._busy.clear()
        self._draw()

    def _draw(self) -> None:
        """Have the live line there exactly when there is something to say in it."""
        wanted = bool(self._busy) and self.live and not self._held
        if wanted and self._live is None:
            self._start()
        elif not wanted and self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def _print(self, inner: Any, *, depth: int, mark: str, again: bool = False) -> None:
        bars = "│ " * depth
        self._console.print(_Prefixed(inner, bars + mark, bars + (mark if again else " " * len(mark))))

    def _start(self) -> None:
        from rich.live import Live
        from rich.spinner import Spinner

        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(
            console=self._console, get_renderable=self._activity, transient=True, refresh_per_second=8,
            redirect_stdout=is_terminal(sys.stdout),
        )  # fmt: skip
        self._live.start()

    def _activity(self) -> Any:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        rows = list(self._busy.values())
        grid = Table.grid(padding=(0, 1))
        for text, since, _, _ in rows[-_TAIL:]:
            grid.add_row(self._spinner, Text(f"{text} {time.monotonic() - since:.0f} s", style="dim"))
        return Group(*self._tail(*rows[0][2:]), grid) if len(rows) == 1 and rows[0][2] else grid

    def _tail(self, text: str, code: bool) -> Iterator[Any]:
        """Give the last lines of what is being written, a program in colour."""
        from rich.padding import Padding
        from rich.syntax import Syntax
        from rich.text import Text

        lines = text.split("\n")[-_TAIL:]
        if code:
            yield Padding(Syntax("\n".join(lines), "python", theme=_theme(), background_color="default"), (0, 0, 0, 4))
        else:
            yield from (Text(f"    {line}", style="dim", no_wrap=True, overflow="ellipsis") for line in lines)


def _theme() -> Any:
    """The colours that fit the terminal's ground, as far as it says which that is; nothing is underlined."""
    from rich.style import Style as RichStyle
    from rich.syntax import ANSI_DARK, ANSI_LIGHT, ANSISyntaxTheme

    light = os.environ.get("COLORFGBG", "").endswith((";7", ";15"))
    styles = ANSI_LIGHT if light else ANSI_DARK
    return ANSISyntaxTheme({kind: style + RichStyle(underline=False) for kind, style in styles.items()})


class _Prefixed:
    """A renderable of rich with something before each of its lines, also the wrapped ones."""

    def __init__(self, inner: Any, first: str, rest: str) -> None:
        self._inner, self._first, self._rest = inner, first, rest

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from rich.segment import Segment
        from rich.style import Style as RichStyle

        width = max(20, options.max_width - len(self._first))
        lines = console.render_lines(self._inner, options.update_width(width), pad=False)
        for number, line in enumerate(lines):
            yield Segment(self._rest if number else self._first, RichStyle(dim=True))
            yield from line
            yield Segment.line()
