"""The host's side of the wall: what this machine can give, and workers started behind it.

A zygote (`inside/zygote.py`) is started once for each set of options and forks a sealed worker for
each session. Nothing is weakened silently: where the machine cannot give what was asked, starting
raises `IsolationUnavailable` with the reason and the remedy.
"""

from __future__ import annotations

import array
import json
import os
import select
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias, cast

from ..errors import IsolationUnavailable, SandboxError
from . import folders

__all__ = ("Isolation", "Options", "SealedWorker", "Zygote", "zygote_for")

Isolation: TypeAlias = Literal["full", "strong"]
_INSIDE = Path(__file__).parent / "inside"
_BOOTSTRAP = "import sys; sys.path[:] = [sys.argv[3], *filter(None, sys.path)]; import zygote; zygote.main()"
_START = 60.0
_REMEDIES = {
    "namespaces": (
        "user namespaces are refused here. Allow them (Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0; "
        "Debian: sysctl kernel.unprivileged_userns_clone=1; user.max_user_namespaces must not be 0; in Docker a "
        "seccomp profile that has unshare and mount), or ask for isolation='strong', which needs none"
    ),
    "Landlock": (
        "the kernel has no Landlock: it needs Linux 5.13 or newer, built with CONFIG_SECURITY_LANDLOCK, and landlock "
        "in the kernel parameter lsm=. Use another executor until then"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What sealed workers are made of. Equal options share one zygote."""

    isolation: Isolation
    memory: int
    disk: int
    files: int
    open_files: int
    read: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    python: str = sys.executable
    env: Mapping[str, str] = field(default_factory=dict)

    def key(self) -> str:
        """The options as text."""
        return json.dumps(asdict(self), sort_keys=True)


class SealedWorker:
    """A worker behind the wall, as `session.Connection` says."""

    def __init__(self, zygote: Zygote, wire: socket.socket, pid: int, handle: int, workdir: str | None) -> None:
        self._zygote, self._handle, self._workdir = zygote, handle, workdir
        self.pid = pid
        self.reader = self.writer = wire.detach()  # a descriptor: whoever drops a session need not close it
        self.isolation: str = zygote.options.isolation
        self._why: str | None = None
        self._lock = threading.Lock()
        self._closed = False

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the program."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """End the worker and all in its namespaces, and remove what it left."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        ended = _is_over(self._handle, 0)
        self._signal(signal.SIGKILL)
        if self._workdir:
            WATCHDOG.forget(self._workdir)
        if _is_over(self._handle, 2000) and ended and not self._why:
            self._why = self._zygote.ended(self.pid)
        os.close(self._handle)
        os.close(self.reader)
        if self._workdir:
            folders.remove(self._workdir)

    def trouble(self) -> str | None:
        """Why it ended, where that is known."""
        return self._why

    def excess(self, why: str) -> None:
        """End it because it took more than it may."""
        self._why = why
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with suppress(OSError):
            signal.pidfd_send_signal(self._handle, number)


class Zygote:
    """One warm parent process. Spawning is safe from any thread."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._lock = threading.Lock()
        self._endings: dict[int, int] = {}
        self._count = 0
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        base = folders.base_folder(os.getpid())
        root = base / "root"
        root.mkdir(exist_ok=True)
        demote = os.getuid() == 0 and options.isolation == "strong" and _readable_by_all(options.python)
        settings = {**asdict(options), "paths": _paths(options), "root": str(root), "demote": demote}
        with theirs:
            self._process = subprocess.Popen(
                [options.python, "-s", "-c", _BOOTSTRAP, str(theirs.fileno()), json.dumps(settings), str(_INSIDE)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                # As isolated as -I, which would leave the order of sets to chance: no variable but these is given.
                env={"MALLOC_ARENA_MAX": "2", "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"},
                start_new_session=True,
            )
        self._control.settimeout(_START)
        self._finalizer = weakref.finalize(self, _stop, self._process, self._control)
        answer = self._receive()[0]
        if "ready" not in answer:
            said = cast("IO[bytes]", self._process.stderr).read(4000).decode("utf-8", "replace").strip()
            self._finalizer()
            if "failed" not in answer:
                raise SandboxError(f"the sandbox's parent process died at its start: {said or 'it said nothing'}")
            raise IsolationUnavailable(_reason(options.isolation, str(answer["failed"])))
        cast("IO[bytes]", self._process.stderr).close()

    @property
    def alive(self) -> bool:
        """Whether it can still spawn."""
        return self._process.poll() is None

    def spawn(self) -> SealedWorker:
        """Fork a sealed worker. Raises `SandboxError`."""
        ours, theirs = socket.socketpair()
        workdir = None
        with self._lock, theirs:
            if self.options.isolation == "strong":
                self._count += 1
                workdir = str(folders.base_folder(os.getpid()) / f"{self._process.pid}-{self._count}")
            handles = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))]
            try:
                self._control.sendmsg([json.dumps({"workdir": workdir}).encode()], handles)
                answer, handle = self._receive()
                while "ended" in answer:
                    answer, handle = self._receive()
            except OSError as error:
                ours.close()
                raise SandboxError(f"the sandbox's parent process is gone: {error}") from error
        if handle is None:
            ours.close()
            raise IsolationUnavailable(_reason(self.options.isolation, str(answer.get("failed", "no answer"))))
        ours.setblocking(False)
        worker = SealedWorker(self, ours, int(answer["pid"]), handle, workdir)
        if workdir:
            WATCHDOG.watch(workdir, disk=self.options.disk, files=self.options.files, kill=worker.excess)
        return worker

    def ended(self, pid: int) -> str | None:
        """Say how a worker ended, if it ended by itself."""
        with self._lock, suppress(OSError):
            self._control.settimeout(0.1)
            while pid not in self._endings:
                self._receive()
        with self._lock, suppress(OSError):
            self._control.settimeout(_START)
        status = self._endings.pop(pid, None)
        if status is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            return None
        if os.WIFSIGNALED(status):
            return f"its process was ended by {signal.Signals(os.WTERMSIG(status)).name}"
        return f"its process ended with exit code {os.WEXITSTATUS(status)}"

    def _receive(self) -> tuple[dict[str, Any], int | None]:
        message, ancillary, _, _ = self._control.recvmsg(4096, socket.CMSG_SPACE(4))
        handles = array.array("i")
        for _, _, data in ancillary:
            handles.frombytes(data[:4])
        answer: dict[str, Any] = json.loads(message) if message else {}
        if "ended" in answer:
            self._endings[answer["ended"]] = answer["status"]
        return answer, handles[0] if handles else None


WATCHDOG = folders.Watchdog()
_zygotes: dict[tuple[int, str], Zygote] = {}
_lock = threading.Lock()


def zygote_for(options: Options) -> Zygote:
    """Give the running zygote for these options, or start one. Raises `IsolationUnavailable`."""
    _check_platform()
    key = (os.getpid(), options.key())
    with _lock:
        zygote = _zygotes.get(key)
        if zygote is None or not zygote.alive:
            zygote = _zygotes[key] = Zygote(options)
        return zygote


def _stop(process: subprocess.Popen[bytes], control: socket.socket) -> None:
    """Closing the control stream ends the zygote, and with it its workers."""
    control.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(2)
        return
    process.kill()
    process.wait()


def _is_over(handle: int, patience: int) -> bool:
    """Whether a process has ended; waits so many milliseconds for it."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(patience))


def _check_platform() -> None:
    if sys.platform != "linux":
        raise IsolationUnavailable(
            f"there is no wall for {sys.platform} yet; use a container or remote executor, or UnsafeLocalExecutor "
            "if you trust the model's programs with this machine"
        )


def _reason(isolation: Isolation, failure: str) -> str:
    remedy = _REMEDIES["Landlock" if "Landlock" in failure or "landlock" in failure else "namespaces"]
    return f"isolation={isolation!r} cannot be had on this machine ({failure}): {remedy}"


def _readable_by_all(python: str) -> bool:
    """Whether another user could run this interpreter: every folder on the way has to let it through."""
    prefix = Path(_prefixes(python)[0]).resolve()
    return all(os.stat(folder).st_mode & 0o005 == 0o005 for folder in (prefix, *prefix.parents))


def _prefixes(python: str) -> list[str]:
    if python == sys.executable:
        return list(dict.fromkeys([sys.base_prefix, sys.prefix, sysconfig.get_paths()["purelib"]]))
    code = "import sys, sysconfig; print(sys.base_prefix, sys.prefix, sysconfig.get_paths()['purelib'], sep='\\n')"
    return subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True).stdout.split("\n")[:3]


def _paths(options: Options) -> Sequence[str]:
    """What a worker may read: the system's libraries, the interpreter with its packages, and what the user names."""
    wanted = ["/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", *_prefixes(options.python), *options.read]
    paths: list[str] = []
    for path in dict.fromkeys(os.path.abspath(item) for item in wanted):
        if path == "/" or path == os.path.expanduser("~"):
            raise SandboxError(
                f"the interpreter's prefix or a readable path is {path!r}: it would show the program all of it"
            )
        if os.path.lexists(path) and not any(
            path.startswith(f"{other}/") for other in paths if not os.path.islink(other)
        ):
            paths.append(path)
    return paths
