"""The sync door in a fresh process, reached by many threads at once."""

from __future__ import annotations

import subprocess
import sys

FIRST_CALLS = """
import sys, threading
from codeling.sync.doors import wait

sys.setswitchinterval(1e-6)
start = threading.Barrier(16)

async def name():
    return threading.current_thread().ident

def work():
    start.wait()
    found.append(wait(name()))

found = []
threads = [threading.Thread(target=work) for _ in range(16)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(found), len(set(found)))
"""


def test_first_calls_at_once_share_one_loop() -> None:
    """All sync calls of a process share one background loop, also those that come first and at the same time."""
    done = subprocess.run([sys.executable, "-c", FIRST_CALLS], capture_output=True, text=True, check=True)

    assert done.stdout == "16 1\n"
