"""The files of one folder, and nothing beside it.

Covered: each part of a path is opened below the one before, and a link is followed nowhere, so that neither `..`,
an absolute path, a link, nor one that is put there in the middle of a call leads out; what is not a plain file is not
opened. Not covered: a hard link that already stands in the folder, and what other programs do with the files.
"""

from __future__ import annotations

import io
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..tools import Effect, Tool

__all__ = ("ListFilesTool", "ReadFileTool", "SearchFilesTool", "WriteFileTool", "file_tools")

MOST_LISTED = 1000
MOST_FOUND = 200
_LARGEST = 4 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PATH = {"type": "string", "description": "a path below the folder, such as 'notes/today.txt'"}


def file_tools(folder: str | os.PathLike[str], *, write: bool = False) -> list[Tool]:
    """Give tools that list, read and search the files of a folder, and with `write` one that writes them."""
    reading: list[Tool] = [ListFilesTool(folder), ReadFileTool(folder), SearchFilesTool(folder)]
    return [*reading, WriteFileTool(folder)] if write else reading


class _FolderTool(Tool):
    """What the tools of a folder share."""

    effect: Effect = "read"

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = os.path.realpath(folder)
        if not Path(self._folder).is_dir():
            raise UsageError(f"there is no folder {str(folder)!r}; make it first")


class ListFilesTool(_FolderTool):
    """Lists the files of a folder and of the folders below it."""

    name = "list_files"
    description = (
        f"List the files below a folder. Gives at most {MOST_LISTED} dicts with 'path' and 'size' in bytes, by path. "
        "Links are left out."
    )
    inputs: Mapping[str, Mapping[str, Any]] = {
        "folder": {"type": "string", "description": "a folder below the top one, by default all", "nullable": True}
    }
    output_type = "array"

    def forward(self, folder: str | None = None) -> list[dict[str, Any]]:
        """Give them."""
        parts = _parts(folder or ".")
        with _opened(self._folder, parts) as top:
            found = [
                {"path": "/".join([*parts, path]), "size": size}
                for (path, size), _ in zip(_walk(top), range(MOST_LISTED), strict=False)
            ]
        return sorted(found, key=lambda entry: str(entry["path"]))


class ReadFileTool(_FolderTool):
    """Reads a text file."""

    name = "read_file"
    description = (
        "Read a text file. Gives its text, or the lines from first_line, counted from 1, to last_line. Raises "
        "FileNotFoundError, PermissionError for what is outside of the folder, ValueError for what is not text."
    )
    inputs: Mapping[str, Mapping[str, Any]] = {
        "path": _PATH,
        "first_line": {"type": "integer", "description": "the first line to give", "nullable": True},
        "last_line": {"type": "integer", "description": "the last line to give", "nullable": True},
    }
    output_type = "string"

    def forward(self, path: str, first_line: int | None = None, last_line: int | None = None) -> str:
        """Give it."""
        text = _text(_read(self._folder, path), path)
        if first_line is None and last_line is None:
            return text
        return "".join(_lines(text)[max((first_line or 1) - 1, 0) : last_line])


class SearchFilesTool(_FolderTool):
    """Searches text files."""

    name = "search_files"
    description = (
        f"Find lines that hold a text, whatever its case, in the text files of the folder. Gives at most {MOST_FOUND} "
        "dicts with 'path', 'line' (its number) and 'text'."
    )
    inputs: Mapping[str, Mapping[str, Any]] = {
        "text": {"type": "string", "description": "what to look for"},
        "folder": {"type": "string", "description": "a folder below the top one, by default all", "nullable": True},
    }
    output_type = "array"

    def forward(self, text: str, folder: str | None = None) -> list[dict[str, Any]]:
        """Give them."""
        parts, pattern = _parts(folder or "."), re.compile(re.escape(text), re.IGNORECASE)
        with _opened(self._folder, parts) as top:
            paths = sorted("/".join([*parts, path]) for path, size in _walk(top) if size <= _LARGEST)
        found: list[dict[str, Any]] = []
        for path in paths:
            with suppress(OSError, ValueError):  # gone meanwhile, or not text
                lines = enumerate(_lines(_text(_read(self._folder, path), path)), 1)
                found += [
                    {"path": path, "line": number, "text": line.rstrip("\r\n")[:500]}
                    for number, line in lines
                    if pattern.search(line)
                ]
            if len(found) >= MOST_FOUND:
                break
        return found[:MOST_FOUND]


class WriteFileTool(_FolderTool):
    """Writes a text file, whole, so that nobody ever reads half of it."""

    name = "write_file"
    description = (
        "Write a text file, in place of the one that is there; folders on the way are made. Gives its size in bytes. "
        "Raises PermissionError for what is outside of the folder."
    )
    inputs: Mapping[str, Mapping[str, Any]] = {
        "path": _PATH,
        "text": {"type": "string", "description": "what the file is to hold"},
    }
    output_type = "integer"
    effect: Effect = "write"

    def forward(self, path: str, text: str) -> int:
        """Write it."""
        *folders, name = _parts(path) or [""]
        if not name:
            raise IsADirectoryError(f"{path!r} is a folder; name a file")
        data = text.encode()
        with _opened(self._folder, folders, make=True) as folder:
            draft = f".{secrets.token_hex(8)}.tmp"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                with os.fdopen(os.open(draft, flags, 0o644, dir_fd=folder), "wb") as file:
                    file.write(data)
                os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError as error:
                with suppress(OSError):
                    os.unlink(draft, dir_fd=folder)
                raise _ours(error, path) from None
        return len(data)


def _parts(path: str) -> list[str]:
    """The names of a path. Raises PermissionError for one that leads out."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in parts or "\0" in path:
        raise PermissionError(f"{path!r} is not below the folder; give a path within it, such as 'notes/today.txt'")
    return parts


@contextmanager
def _opened(top: str, parts: list[str], *, make: bool = False) -> Iterator[int]:
    """A descriptor of a folder, each part of its path opened below the one before."""
    folder = os.open(top, _DIRECTORY)
    try:
        for part in parts:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=folder)
            try:
                inner = os.open(part, _DIRECTORY, dir_fd=folder)
            except OSError as error:
                raise _ours(error, "/".join(parts)) from None
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _read(top: str, path: str) -> bytes:
    *folders, name = _parts(path) or [""]
    if not name:
        raise IsADirectoryError(f"{path!r} is a folder; name a file")
    with _opened(top, folders) as folder:
        try:
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except OSError as error:
            raise _ours(error, path) from None
    with os.fdopen(file, "rb") as stream:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise PermissionError(f"{path!r} is no plain file")
        data = stream.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ValueError(f"{path!r} is larger than {_LARGEST >> 20} MiB; search it, or ask for another file")
    return data


def _lines(text: str) -> list[str]:
    """Give the lines with their ends, as editors count them: a page break or a separator of Unicode's ends none."""
    return list(io.StringIO(text, newline=""))


def _text(data: bytes, path: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{path!r} is not text in UTF-8") from None


def _walk(folder: int) -> Iterator[tuple[str, int]]:
    """Paths and sizes of plain files below a folder; links are not followed, nor listed."""
    for top, _, names, at in os.fwalk(".", dir_fd=folder, follow_symlinks=False):
        for name in sorted(names):
            with suppress(OSError):
                found = os.stat(name, dir_fd=at, follow_symlinks=False)
                if stat.S_ISREG(found.st_mode):
                    yield os.path.normpath(f"{top}/{name}"), found.st_size


def _ours(error: OSError, path: str) -> OSError:
    """The error without a path of the host, and with what a link means."""
    if error.errno in (40, 20):  # ELOOP, and ENOTDIR for a link where a folder was wanted
        return PermissionError(f"{path!r} leads through a link or a file, which is not followed")
    return type(error)(error.errno, error.strerror, path)
