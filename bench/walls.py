"""What the wall costs in starts and memory: sessions of a warm parent, bare and with numpy and pandas loaded."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from codeling import SandboxExecutor
from codeling.protocols import Session, SessionSpec
from codeling.sandbox.wall import Isolation

from .rows import Row, duration

__all__ = ("rows",)

_STARTS, _AT_ONCE = 100, 200
_MIB = 1 << 20


def rows() -> Iterator[Row]:
    """Measure starts one after another, and the memory of many sessions at once."""
    kinds: list[tuple[str, Isolation, tuple[str, ...], float]] = [
        ("full, bare", "full", (), 0.006), ("strong, bare", "strong", (), 0.006)
    ]  # fmt: skip
    if find_spec("pandas"):
        kinds.append(("full, numpy and pandas", "full", ("numpy", "pandas"), 0.009))
    for name, isolation, preload, most in kinds:
        taken = sorted(asyncio.run(_starts(isolation, preload)))
        middle, late = statistics.median(taken), taken[int(len(taken) * 0.99)]
        yield Row(
            name=f"start of a warm session: {name}", ours=duration(middle), target=f"≤ {most * 1000:g} ms",
            met=middle <= most,
        )  # fmt: skip
        yield Row(name="  its 99th percentile", ours=duration(late), target="≤ 25 ms", met=late <= 0.025)
    if find_spec("pandas"):
        share, closing = asyncio.run(_memory(("numpy", "pandas")))
        yield Row(
            name=f"{_AT_ONCE} sessions with numpy and pandas: memory of each (PSS)", ours=f"{share:.2f} MiB",
            target="≤ 4 MiB", met=share <= 4,
        )  # fmt: skip
        yield Row(name="  closing them all", ours=duration(closing))


async def _starts(isolation: Isolation, preload: Sequence[str]) -> list[float]:
    executor, taken = SandboxExecutor(isolation=isolation, preload=preload), []
    (await executor.open(SessionSpec())).close()
    for _ in range(_STARTS):
        since = time.perf_counter()
        session = await executor.open(SessionSpec())
        taken.append(time.perf_counter() - since)
        session.close()
    return taken


async def _memory(preload: Sequence[str]) -> tuple[float, float]:
    """MiB of a session's proportional share while many live, and seconds to close them."""
    executor = SandboxExecutor(preload=preload)
    sessions: list[Session] = [await executor.open(SessionSpec()) for _ in range(_AT_ONCE)]
    shares = [_share(session._connection.pid) for session in sessions]  # type: ignore[attr-defined]  # of every wire
    since = time.perf_counter()
    for session in sessions:
        session.close()
    return statistics.mean(shares) / _MIB, time.perf_counter() - since


def _share(pid: int) -> int:
    """The proportional set size of a process, in bytes. Source: Documentation/filesystems/proc of Linux."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Pss:\s+(\d+) kB$", text, re.MULTILINE)
    assert found is not None  # a kernel with smaps_rollup
    return int(found[1]) * 1024
