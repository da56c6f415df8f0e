"""Open and close thousands of sandboxes in one process, and see that nothing is left behind.

`python scripts/soak.py [COUNT]`: half at full isolation where it can be had, half at strong; every fourth program
dies by itself, and every fiftieth is killed at its time limit. Counted before and after: processes below this one,
descriptors, threads (but those of the pool, which has a size), mounts, cgroups, temporary files, and the memory of
this process and of the warm parents.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from pathlib import Path

from codeling import SandboxExecutor
from codeling.protocols import SessionSpec
from codeling.sandbox import cgroups, folders

_SLACK = 24 << 20
PROGRAMS = [
    "open('file', 'w').write('x' * 100_000); import os; os.makedirs('a/b/c'); sum(range(1000))",
    "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); print('x' * 10_000)",
    "import os; os.symlink('/', 'link'); os._exit(3)",
    "x = [0] * 100_000",
]


def counts() -> dict[str, int]:
    """What there is of everything that could be left."""
    below = _below(os.getpid())
    return {
        "processes": len(below),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": sum(1 for thread in threading.enumerate() if not thread.name.startswith("codeling-tool")),
        "mounts": Path("/proc/self/mounts").read_text(encoding="utf-8").count(str(folders.base_folder(os.getpid()))),
        "groups": sum(1 for folder in _groups() for _ in folder.glob(f"codeling-*-{os.getpid()}/*/")),
        "files": sum(len(found[1]) + len(found[2]) for found in os.walk(folders.base_folder(os.getpid()))),
        "memory": sum(_memory(pid) for pid in [os.getpid(), *below]),
    }


def _groups() -> set[Path]:
    found = cgroups.places()
    return set() if isinstance(found, str) else set(found.values())


def _below(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text(encoding="ascii").split()):
            found += [child, *_below(child)]
    return found


def _memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def visits(executors: list[SandboxExecutor], count: int) -> None:
    """Open, use and close that many sessions, four at a time."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            session = await executors[number % len(executors)].open(SessionSpec())
            program = (
                PROGRAMS[number // 2 % len(PROGRAMS)]
                if number // 2 % 50
                else "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
            )
            await session.run(program, step=1, on_call=_no_calls, on_output=lambda text: None)
            session.close()

    await asyncio.gather(*[worker() for _ in range(4)])


async def _no_calls(call: object) -> None:
    raise AssertionError("the program calls nothing")


def main() -> int:
    """Print the counts; 0 if nothing is left, 1 if something is."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    executors = [SandboxExecutor(isolation=isolation, timeout=0.2) for isolation in ("full", "strong")]
    asyncio.run(visits(executors, 200))
    time.sleep(1)  # the warm parents make a worker ahead, and there is one of each before and after
    before, since = counts(), time.perf_counter()
    asyncio.run(visits(executors, count))
    time.sleep(1)
    after = counts()
    print(f"{count} sessions in {time.perf_counter() - since:.0f} s")
    left = {name: after[name] - before[name] for name in before}
    for name, grown in left.items():
        print(f"  {name:12} {before[name]:>12,} {after[name]:>12,}  {grown:+,}")
    bad = [name for name, grown in left.items() if grown > (_SLACK if name == "memory" else 0)]
    print("nothing is left behind" if not bad else f"LEFT BEHIND: {', '.join(bad)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
