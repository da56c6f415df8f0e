"""What `import codeling` costs and loads, beside `python -c pass` and `import smolagents`."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from .environment import peer_python
from .rows import Row, duration

__all__ = ("rows",)

_ROUNDS = 9
_CODES = (
    ("pass", "pass"),
    ("import codeling", "import smolagents"),
    ("from codeling import CodeAgent", "from smolagents import CodeAgent"),
)
_STRANGERS = """
import sys
before = set(sys.modules)
import codeling
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(loaded - sys.stdlib_module_names - {"codeling"}))
"""


def rows() -> Iterator[Row]:
    """Time fresh interpreters in turn, so that a busy moment meets them all."""
    ours, peer = sys.executable, str(peer_python())
    commands = [(python, code) for codes in _CODES for python, code in zip((ours, peer), codes, strict=True)]
    taken: list[list[float]] = [[] for _ in commands]
    for _ in range(_ROUNDS):
        for times, command in zip(taken, commands, strict=True):
            times.append(_time(*command))
    start, peer_start, package, peer_package, agent, peer_agent = map(statistics.median, taken)
    yield _strangers(ours)
    yield _row("python -c pass", start, peer_start)
    yield _row("python -c 'import codeling' / 'import smolagents'", package, peer_package)
    yield _row("what the import adds", package - start, peer_package - peer_start)
    yield _row("what the import of CodeAgent adds", agent - start, peer_agent - peer_start)


def _strangers(python: str) -> Row:
    done = subprocess.run([python, "-c", _STRANGERS], check=True, capture_output=True, text=True)
    loaded = done.stdout.strip()
    return Row(name="third-party modules that the import loads", ours=loaded or "none", target="none", met=not loaded)


def _row(name: str, ours: float, peer: float) -> Row:
    ours = max(ours, 0.0)
    return Row(name=name, ours=duration(ours), peer=duration(peer), ratio=ours / peer)


def _time(python: str, code: str) -> float:
    since = time.perf_counter()
    subprocess.run([python, "-c", code], check=True)
    return time.perf_counter() - since
