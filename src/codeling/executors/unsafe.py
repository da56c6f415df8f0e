"""The same worker without a wall, for machines that have none and programs that are trusted.

Covered: a process of its own with an empty environment, a private working folder, limits on memory,
file size and open files, and an end when the session ends.
Not covered: the files that you can read and write, the network, other processes, and everything else
that your user may do. A program can do all of it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..sandbox import folders
from ..sandbox.session import Connection, SessionLimits
from ..sandbox.starting import WireExecutor

__all__ = ("UnsafeLocalExecutor",)

_INSIDE = Path(__file__).parent.parent / "sandbox" / "inside"
_BOOTSTRAP = """
import resource, sys
memory, files, folder = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
for what, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_NOFILE, files), (resource.RLIMIT_CORE, 0)):
    hard = resource.getrlimit(what)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))
sys.path[:] = [folder, *filter(None, sys.path)]
import worker
sys.path.remove(folder)
worker.main(int(sys.argv[1]), int(sys.argv[1]))
"""


class UnsafeLocalExecutor(WireExecutor):
    """Runs programs in child processes that can do whatever you can. Not for hostile programs."""

    def __init__(
        self, *, memory: int = 2 << 30, timeout: float = 30.0, open_files: int = 256, output_limit: int = 1 << 20,
        python: str | None = None, env: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Set what every session gets; the parameters are those of `SandboxExecutor`."""
        self._memory, self._open_files = memory, open_files
        self._python, self._env = python or sys.executable, dict(env or {})
        self._limits = SessionLimits(timeout=timeout, output=output_limit)

    def _spawn(self) -> Connection:
        folder = tempfile.mkdtemp(prefix="codeling-unsafe-")
        ours, theirs = socket.socketpair()
        env = {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "MPLBACKEND": "agg",
            "HOME": folder,
            "TMPDIR": folder,
            "PYTHONHASHSEED": "0",  # the order of sets is the same when a run is resumed
            **self._env,
        }
        arguments = [str(theirs.fileno()), str(self._memory), str(self._open_files), str(_INSIDE)]
        with theirs:
            process = subprocess.Popen(
                [self._python, "-s", "-c", _BOOTSTRAP, *arguments], pass_fds=[theirs.fileno()], cwd=folder, env=env,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        return _Child(process, ours, folder)


class _Child:
    """A worker without a wall, as `session.Connection` says."""

    isolation = "none"

    def __init__(self, process: subprocess.Popen[bytes], wire: socket.socket, folder: str) -> None:
        self.pid, self._folder = process.pid, folder
        process.returncode = 0  # waited for here: whoever drops a session need not close it
        wire.setblocking(False)
        self.reader = self.writer = wire.detach()
        self._lock, self._closed = threading.Lock(), False
        self._why: str | None = None

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the program."""
        with suppress(OSError):
            os.kill(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """End the process and its group, and remove its folder."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        ended, status = os.waitpid(self.pid, os.WNOHANG)
        with suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            self._why = f"its process ended with {signal.Signals(-code).name if code < 0 else f'exit code {code}'}"
        else:
            os.waitpid(self.pid, 0)
        os.close(self.reader)
        folders.remove(self._folder)

    def trouble(self) -> str | None:
        """Why it ended, where that is known."""
        return self._why
