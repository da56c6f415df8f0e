"""The files of a folder: what a program may do with them, and that nothing leads out."""

from __future__ import annotations

import itertools
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from codeling import CodeAgent, Tool, UsageError, file_tools
from codeling.testing import ScriptedModel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files, beside one with a secret."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("hidden")
    top = tmp_path / "top"
    (top / "notes").mkdir(parents=True)
    (top / "a.txt").write_text("first\fline\nsecond\nthird\n")
    (top / "notes" / "b.txt").write_text("The Second one")
    (top / "picture.bin").write_bytes(b"\xff\xfe second")
    (top / "link").symlink_to(tmp_path / "outside")
    (top / "link.txt").symlink_to(tmp_path / "outside" / "secret.txt")
    os.mkfifo(top / "pipe")
    return top


def tools(folder: Path) -> tuple[Tool, ...]:
    return tuple(file_tools(folder, write=True))


def test_a_program_works_with_the_files(folder: Path) -> None:
    """It lists, reads, searches and writes them."""
    code = """
write_file('new/deep/c.txt', 'second hand')
final_answer([[f['path'] for f in list_files()], read_file('a.txt', 2, 3), read_file('new/deep/c.txt'), search_files('SECOND'),
              list_files('notes')])
"""
    with CodeAgent(file_tools(folder, write=True), ScriptedModel([f"```python\n{code}\n```"])) as agent:
        listed, lines, new, found, below = agent.run("Go.")

    assert listed == ["a.txt", "new/deep/c.txt", "notes/b.txt", "picture.bin"]
    assert (lines, new) == ("second\nthird\n", "second hand")
    assert [(hit["path"], hit["line"]) for hit in found] == [("a.txt", 2), ("new/deep/c.txt", 1), ("notes/b.txt", 1)]
    assert below == [{"path": "notes/b.txt", "size": 14}]
    assert "write_file" not in [tool.name for tool in file_tools(folder)]


@pytest.mark.parametrize("path", ["../outside/secret.txt", "/etc/passwd", "notes/../../outside/secret.txt", "link/secret.txt", "link.txt",
                                  "..", "a.txt\0", "pipe", "a.txt/x", "notes", "", "."])  # fmt: skip
def test_nothing_leads_out(folder: Path, path: str) -> None:
    """No way of writing a path, no link and no special file is read, listed or written through."""
    listing, read, search, write = tools(folder)
    with pytest.raises(OSError) as told:
        read(path)
    assert str(folder) not in str(told.value)
    if path not in ("notes", "", ".", "pipe", "link.txt"):
        with pytest.raises(OSError):
            write(path, "evil")
        with pytest.raises(OSError):
            listing(path)
    assert (folder.parent / "outside" / "secret.txt").read_text() == "hidden"
    assert "hidden" not in str(search("hidden"))


def test_writing_replaces_a_link_and_does_not_follow_it(folder: Path) -> None:
    """What a link pointed to stays as it is."""
    tools(folder)[3]("link.txt", "mine")

    assert (folder.parent / "outside" / "secret.txt").read_text() == "hidden"
    assert not (folder / "link.txt").is_symlink()


def test_a_folder_that_becomes_a_link_in_the_middle_leads_nowhere(folder: Path) -> None:
    """Whoever swaps a folder for a link while files are read and written gains nothing."""
    _, read, _, write = tools(folder)
    (folder / "swap").mkdir()
    (folder / "swap" / "secret.txt").write_text("mine")
    stop = threading.Event()

    def swapping() -> None:
        for number in itertools.count():
            with suppress(OSError):  # a folder that was made anew meanwhile is in the way once
                os.rename(folder / "swap", folder / f"kept-{number}")
                os.symlink(folder.parent / "outside", folder / "swap")
                os.unlink(folder / "swap")
                os.rename(folder / f"kept-{number}", folder / "swap")
            if stop.is_set():
                return

    thread = threading.Thread(target=swapping)
    thread.start()
    seen: set[Any] = set()
    for number in range(600):
        try:
            seen.add(read("swap/secret.txt") if number % 2 else write("swap/secret.txt", "mine"))
        except OSError as error:
            seen.add(type(error).__name__)
    stop.set()
    thread.join()

    assert "hidden" not in seen
    assert (folder.parent / "outside" / "secret.txt").read_text() == "hidden"
    assert [path.name for path in (folder.parent / "outside").iterdir()] == ["secret.txt"]


def test_what_is_no_text_or_too_large_is_told(folder: Path) -> None:
    """The error says what to do instead; a folder that is not there is refused at once."""
    (folder / "big.txt").write_bytes(b"x" * (5 << 20))
    read = tools(folder)[1]
    with pytest.raises(ValueError, match="larger than 4 MiB"):
        read("big.txt")
    with pytest.raises(ValueError, match="not text"):
        read("picture.bin")
    with pytest.raises(FileNotFoundError):
        read("nothing.txt")
    with pytest.raises(UsageError, match="no folder"):
        file_tools(folder / "nothing")
