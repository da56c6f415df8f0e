"""The wall of macOS: the same worker, started by `sandbox-exec` under a profile that denies by default.

Tested as text on Linux; it has not been run on a Mac. There is no pid namespace there and no zygote:
each session starts an interpreter, a program sees that other processes exist (and can neither signal
nor read them), and the quota on disk is held by the size of single files only.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from ..errors import IsolationUnavailable, UsageError
from . import folders
from .wall import Options, readable_paths

__all__ = ("profile", "spawn")

_INSIDE = Path(__file__).parent / "inside"
_LAUNCHER = "/usr/bin/sandbox-exec"
_SYSTEM = ("/usr/lib", "/usr/share", "/System/Library", "/Library/Apple", "/private/var/db/dyld", "/dev/fd")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_BOOTSTRAP = """
import sys
memory, disk, files, folder = int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
sys.path[:] = [folder, *filter(None, sys.path)]
import resource
for what, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, disk), (resource.RLIMIT_NOFILE, files),
                   (resource.RLIMIT_CORE, 0)):
    try:
        resource.setrlimit(what, (most, most))
    except (ValueError, OSError):
        pass
import worker
sys.path.remove(folder)
worker.main(int(sys.argv[1]), int(sys.argv[1]))
"""


def profile(options: Options, private: str) -> str:
    """The Seatbelt profile: all is denied but what an interpreter needs, what is readable, and the private folder."""
    readable = [*_SYSTEM, *readable_paths(options), str(_INSIDE)]
    writable = [private, *([options.workdir] if options.workdir and options.writable else [])]
    lines = [
        "(version 1)",
        "(deny default)",
        "(allow process-exec* " + _one(_real(options.python)) + ")",
        '(allow file-read-data (literal "/"))',
        "(allow process-info* (target self))",
        "(allow signal (target self))",
        "(allow sysctl-read)",
        "(allow file-read-metadata)",
        "(allow file-read* " + " ".join(_below(path) for path in dict.fromkeys([*readable, *writable])) + ")",
        "(allow file-map-executable " + " ".join(_below(path) for path in dict.fromkeys(readable)) + ")",
        "(allow file-read* file-write-data " + " ".join(_one(path) for path in _DEVICES) + ")",
        "(allow file-write* " + " ".join(_below(path) for path in writable) + ")",
        "(deny file-write-setugid)",
        "(deny network*)",
        "(deny process-fork)",
        "(deny mach-lookup)",
        "(deny ipc-posix* ipc-sysv*)",
    ]
    return "\n".join(lines) + "\n"


def spawn(options: Options) -> _SeatbeltWorker:
    """Start a worker under the profile. Raises `IsolationUnavailable` where there is no `sandbox-exec`."""
    if options.network or options.processes:
        raise UsageError("network= and processes= need namespaces, which only Linux has")
    if not os.access(_LAUNCHER, os.X_OK):
        raise IsolationUnavailable(f"this machine has no {_LAUNCHER}; use MontyExecutor or an executor further away")
    private = os.path.realpath(tempfile.mkdtemp(prefix="codeling-"))
    ours, theirs = socket.socketpair()
    limits = [str(options.memory), str(options.disk), str(options.open_files)]
    inner = [_real(options.python), "-s", "-c", _BOOTSTRAP, str(theirs.fileno()), *limits, str(_INSIDE)]
    env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": private, "TMPDIR": private, "MPLBACKEND": "agg"}
    env = {**env, **options.env, "PYTHONHASHSEED": str(options.hash_seed)}
    with theirs:
        process = subprocess.Popen(
            [_LAUNCHER, "-p", profile(options, private), *inner], pass_fds=[theirs.fileno()],
            cwd=options.workdir or private, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    return _SeatbeltWorker(process, ours, private)


class _SeatbeltWorker:
    """A worker behind Seatbelt, as `session.Connection` says."""

    isolation = "seatbelt"

    def __init__(self, process: subprocess.Popen[bytes], wire: socket.socket, folder: str) -> None:
        self._process, self._folder = process, folder
        wire.setblocking(False)
        self.reader = self.writer = wire.detach()
        self._closed = False

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the program."""
        with suppress(OSError):
            self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End the process and remove its folder."""
        if self._closed:
            return
        self._closed = True
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        os.close(self.reader)
        folders.remove(self._folder)

    def trouble(self) -> str | None:
        """Why it ended, where that is known."""
        return None


def _real(path: str) -> str:
    return os.path.realpath(path)


def _one(path: str) -> str:
    return f"(literal {_quoted(path)})"


def _below(path: str) -> str:
    return f"(subpath {_quoted(os.path.realpath(path))})"


def _quoted(path: str) -> str:
    if any(ord(character) < 32 for character in path):
        raise UsageError(f"a path with control characters cannot be named in a profile: {path!r}")
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
