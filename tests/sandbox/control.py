"""The positive control: chosen attack programs with the wall off, in a throw-away jail. Never run it outside one.

`jailed()` gives the command that builds the jail (namespaces, a read-only root, an empty /tmp, a network of its
own) and runs this file in it; this file refuses to run anywhere else.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from codeling import UnsafeLocalExecutor
from codeling.sandbox.attack import Targets, attack

MARK = "/tmp/codeling-jail"
SCRIPT = """
set -e
mount -o remount,bind,ro /
mount -t tmpfs tmpfs /tmp
mount -t proc proc /proc
ip link set lo up 2>/dev/null || "$0" -c 'import fcntl, socket, struct
s = socket.socket(); fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", b"lo", 65))'
touch /tmp/codeling-jail
exec "$0" -m tests.sandbox.control "$@"
"""


def jailed(*programs: Path) -> list[str]:
    """The command that runs these programs without a wall, in a jail."""
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--net", "--ipc", "--uts"]
    return [*unshare, "--kill-child", "sh", "-c", SCRIPT, sys.executable, *map(str, programs)]


def main() -> None:
    """Run the programs and print what came of each."""
    if not Path(MARK).exists() or os.getpid() > 50 or len(list(Path("/tmp").iterdir())) > 1:
        raise SystemExit("this runs attack programs without a wall: only inside the jail that jailed() builds")
    executor: Any = UnsafeLocalExecutor(memory=1 << 30, timeout=2.0)
    targets = Targets()
    findings = [asyncio.run(_attack(Path(name), executor, targets)) for name in sys.argv[1:]]
    targets.close()
    print(json.dumps(findings))


async def _attack(path: Path, executor: Any, targets: Targets) -> tuple[str, bool, str]:
    finding = await attack(path, executor, targets)
    return finding.program, finding.passed, finding.why


if __name__ == "__main__":
    main()
