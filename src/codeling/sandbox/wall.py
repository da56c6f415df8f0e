"""The host's side of the wall: what this machine can give, and workers started behind it.

A zygote (`inside/zygote.py`) is started once for each set of options and forks a sealed worker for
each session. Nothing is weakened silently: where the machine cannot give what was asked, starting
raises `IsolationUnavailable` with the reason and the remedy.
"""

from __future__ import annotations

import array
import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias, cast

from ..errors import IsolationUnavailable, SandboxError, UsageError
from . import cgroups, descriptors, folders
from .refusals import check_platform, reason
from .rooms import Room, nursery
from .sealed import SealedWorker
from .users import readable_by_all, tasks_of, worker_user
from .watchdog import Quota

__all__ = ("Isolation", "Options", "Zygote", "check_folder", "readable_paths", "zygote_for")

Isolation: TypeAlias = Literal["full", "strong"]
_INSIDE = Path(__file__).parent / "inside"
_BOOTSTRAP = "import sys; sys.path[:] = [sys.argv[2], *filter(None, sys.path)]; import zygote; zygote.main()"
_START = 60.0
_OLDEST = (3, 8)
_TROUBLE = 70
"""How a worker ends that could not be sealed, after it has told why."""
_SLACK, _STALE = 1000, 10.0
"""Where workers share a user, the kernel counts its threads together: so many more may be started, counted so often."""
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2", "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"}
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives")
_CERTIFICATES = ("/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/pki/tls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What sealed workers are made of. Equal options share one zygote."""

    isolation: Isolation
    memory: int
    disk: int
    files: int
    open_files: int
    tasks: int = 256
    """Threads of one worker; with `processes` also processes, its own two among them."""
    processes: int = 0
    """How many processes and threads the program may start; 0 for no process at all."""
    forks: int = 0
    """How many copies of one session there may be at a time, behind its wall."""
    network: bool = False
    """Whether there is a port to the host's proxy."""
    read: tuple[str, ...] = ()
    workdir: str | None = None
    """A folder of the host in which programs run, instead of their private one."""
    writable: bool = False
    """Whether they may write to it."""
    preload: tuple[str, ...] = ()
    python: str = sys.executable
    env: Mapping[str, str] = field(default_factory=dict)
    hash_seed: int = 0
    """Decides the order of sets. Fixed, for a run that is resumed has to find the order that it had."""
    landlock: int = 99
    """The newest version of Landlock to use; lower ones are what older kernels have."""

    def key(self) -> str:
        """The options as text."""
        return json.dumps(asdict(self), sort_keys=True)


class Zygote:
    """One warm parent process. Spawning is safe from any thread."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._lock = threading.Lock()
        self._endings: dict[int, int] = {}
        self._counted = (0, -_STALE)
        base = folders.base_folder(os.getpid())
        root = base / "root"
        root.mkdir(exist_ok=True)
        self._user = worker_user(
            isolation=options.isolation, workdir=options.workdir, readable=readable_by_all(_prefixes(options.python)),
            processes=bool(options.processes),
        )  # fmt: skip
        settings = {
            **asdict(options), "paths": readable_paths(options), "base": str(base), "root": str(root),
            "user": asdict(self._user),
            "writable": [options.workdir] if options.workdir and options.writable else [],
        }  # fmt: skip
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [options.python, "-s", "-c", _BOOTSTRAP, str(theirs.fileno()), str(_INSIDE)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                # As isolated as -I, which would leave the order of sets to chance: no variable but these is given.
                env={**_ENVIRONMENT, "PYTHONHASHSEED": str(options.hash_seed)},
                start_new_session=True,
            )
        self._control.settimeout(_START)
        self._finalizer = weakref.finalize(self, _stop, self._process, self._control)
        answer = self._first_answer(settings)
        if "ready" not in answer:
            with cast("IO[bytes]", self._process.stderr) as heard:
                said = heard.read(4000).decode("utf-8", "replace").strip()
            self._finalizer()
            raise _no_parent(options.isolation, answer, said)
        self._as_root = bool(answer["root"])
        cast("IO[bytes]", self._process.stderr).close()

    def _first_answer(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Tell it what it is to be: not by its arguments, which every user of the machine can read."""
        try:
            self._control.send(json.dumps(settings).encode())
        except ConnectionError:
            pass  # it has ended, and why is told below
        except OSError as error:
            self._finalizer()
            raise SandboxError(f"the sandbox's options are too much to be told: {error.strerror}") from error
        return self._receive()[0]

    @property
    def alive(self) -> bool:
        """Whether it can still spawn."""
        return self._process.poll() is None

    def spawn(
        self, *, door: int | None = None, pack: int | None = None,
        endings: tuple[Callable[[SealedWorker], None], ...] = (),
    ) -> SealedWorker:  # fmt: skip
        """Fork a sealed worker. Raises `SandboxError`.

        `door` is a socket to which the worker sends its listening end of the network; `pack` a
        descriptor of the files that it begins with. Both stay the caller's to close.
        """
        options = self.options
        near, far = nursery() if options.forks else (None, None)
        group = cgroups.group_for(self._memory, options.tasks)
        try:
            with far or nullcontext():
                pid, handle, wire, workdir = self._start({"door": door, "pack": pack, "nursery": far}, group)
        except BaseException:
            if near:
                near.close()
            if group:
                group.end()
            raise
        self._endings.pop(pid, None)  # of an earlier process that had this number
        os.set_blocking(wire, False)
        if group and not (options.processes or options.forks):
            group.enter(pid)
        if near:
            quota = self._quota(pid)
            room = Room(pid=pid, handle=handle, forks=options.forks, quota=quota, group=group, endings=endings)
            return room.first(socket.socket(fileno=wire), near)
        worker = SealedWorker(
            pid=pid, handle=handle, wire=wire, isolation=options.isolation, workdir=workdir,
            ended=self.ended, endings=endings, group=group,
        )  # fmt: skip
        needed = bool(workdir or options.processes or self._as_root)
        if needed or group is None:
            more: dict[str, Any] = {"reader": worker.reader, "folder": workdir, "seldom": not needed}
            worker.watch(self._quota(pid, kill=worker.excess, signal=worker.signal, **more))
        return worker

    @property
    def _memory(self) -> int:
        """What a session may use in all, or a session with its forks."""
        return self.options.memory * (self.options.forks + 1) + self.options.disk

    def _quota(self, pid: int, **more: Any) -> Quota:
        """What the watchdog holds a session to, where the kernel does not: see `watchdog`."""
        options = self.options
        return Quota(
            pid=pid, memory=self._memory, tasks=options.tasks, family=bool(options.processes or options.forks),
            forks=options.forks, disk=options.disk, files=options.files, **more,
        )  # fmt: skip

    def _start(
        self, given: Mapping[str, int | socket.socket | None], group: cgroups.Group | None
    ) -> tuple[int, int, int, str | None]:
        """Have a worker started with these descriptors; give its process, its pidfd, its wire and its folder."""
        request: dict[str, Any] = {}
        handles: list[int] = []
        for name, handle in given.items():
            if handle is not None:
                request[name] = len(handles)
                handles.append(handle if isinstance(handle, int) else handle.fileno())
        with self._lock, ExitStack() as stack:
            descriptors.make_room()
            if group and (self.options.processes or self.options.forks):
                entries = group.open()
                for entry in entries:
                    stack.callback(os.close, entry)
                request["groups"] = [*range(len(handles), len(handles) + len(entries))]
                handles += entries
            if self.options.isolation == "strong" and not self._user.numbers:
                request["tasks"] = self._user_tasks() + self.options.tasks + _SLACK
            answer, came = self._ask(request, handles)
        if len(came) == 2:
            return int(answer["pid"]), *came, answer["workdir"]
        raise self._refusal(answer, came)

    def _refusal(self, answer: Mapping[str, Any], came: Sequence[int]) -> SandboxError:
        """Why there is no worker."""
        for handle in came:
            os.close(handle)
        if not answer:
            return SandboxError("the sandbox's parent process is gone: it ended when it was asked for a worker")
        if "pid" in answer:
            return SandboxError("this process has no room for the two descriptors of a sandbox: raise ulimit -n")
        return IsolationUnavailable(reason(self.options.isolation, str(answer.get("failed", "no answer"))))

    def _user_tasks(self) -> int:
        """How many threads the workers' user has now or had a moment ago: the kernel counts all of them together."""
        if self._counted[1] < time.monotonic() - _STALE:
            self._counted = tasks_of(self._user.user), time.monotonic()
        return self._counted[0]

    def _ask(self, request: Mapping[str, Any], given: Sequence[int]) -> tuple[dict[str, Any], tuple[int, ...]]:
        handles = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", given))] if given else []
        try:
            self._control.sendmsg([json.dumps(request).encode()], handles)
            answer, came = self._receive()
            while "ended" in answer:
                answer, came = self._receive()
        except OSError as error:
            raise SandboxError(f"the sandbox's parent process is gone: {error}") from error
        return answer, came

    def ended(self, pid: int) -> str | None:
        """Say how a worker ended, if it ended by itself."""
        with self._lock, suppress(OSError):
            self._control.settimeout(0.1)
            while pid not in self._endings and self._receive()[0]:  # nothing comes from a parent that has ended
                pass
        with self._lock, suppress(OSError):
            self._control.settimeout(_START)
        status = self._endings.pop(pid, None)
        if status is None:
            return None
        code = os.waitstatus_to_exitcode(status)
        number = -code if code < 0 else code - 128 if self.options.processes and code > 128 else 0
        if number == signal.SIGKILL or code == _TROUBLE:
            return None
        return (
            f"its process was ended by {signal.Signals(number).name}"
            if number
            else f"its process ended with exit code {code}"
        )

    def _receive(self) -> tuple[dict[str, Any], tuple[int, ...]]:
        message, ancillary, _, _ = self._control.recvmsg(4096, socket.CMSG_SPACE(8), socket.MSG_CMSG_CLOEXEC)
        handles = array.array("i")
        for _, _, data in ancillary:
            handles.frombytes(data[: len(data) // 4 * 4])
        answer: dict[str, Any] = json.loads(message) if message else {}
        if "ended" in answer:
            self._endings[answer["ended"]] = answer["status"]
        return answer, tuple(handles)


def _no_parent(isolation: Isolation, answer: Mapping[str, Any], said: str) -> Exception:
    """Why a zygote could not be started."""
    if "unloadable" in answer:
        return UsageError(str(answer["unloadable"]))
    if "failed" in answer:
        return IsolationUnavailable(reason(isolation, str(answer["failed"])))
    return SandboxError(f"the sandbox's parent process died at its start: {said or 'it said nothing'}")


_zygotes: dict[tuple[int, str], Zygote] = {}
_lock = threading.Lock()


def zygote_for(options: Options) -> Zygote:
    """Give the running zygote for these options, or start one. Raises `IsolationUnavailable`."""
    check_platform()
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


@cache
def _prefixes(python: str) -> tuple[str, ...]:
    if python == sys.executable:
        return tuple(dict.fromkeys([sys.base_prefix, sys.prefix, sysconfig.get_paths()["purelib"]]))
    told = (
        "'%d.%d' % sys.version_info[:2], getattr(sys, 'base_prefix', ''), sys.prefix, sysconfig.get_paths()['purelib']"
    )
    code = f"import sys, sysconfig; print('\\n'.join([{told}]))"
    try:
        done = subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SandboxError(f"the interpreter {python!r} cannot be run: {error}") from error
    version, *prefixes = done.stdout.splitlines()
    if tuple(map(int, version.split("."))) < _OLDEST:
        raise SandboxError(f"the interpreter {python!r} is Python {version}; programs run on 3.8 or newer")
    return tuple(prefixes)


def readable_paths(options: Options) -> Sequence[str]:
    """What a worker may read: the system's libraries, the interpreter with its packages, and what the user names."""
    wanted = [*_SYSTEM, *_prefixes(options.python), *options.read]
    wanted += _CERTIFICATES if options.network else ()
    paths: list[str] = []
    for path in dict.fromkeys(os.path.abspath(item) for item in wanted):
        check_folder(path)
        if os.path.lexists(path) and not any(
            path.startswith(f"{other}/") for other in paths if not os.path.islink(other)
        ):
            paths.append(path)
    if options.workdir:
        check_folder(options.workdir)
        paths.append(options.workdir)
    return paths


def check_folder(path: str) -> None:
    """Refuse to show a program the whole machine or a whole home. Raises `SandboxError`."""
    if path == "/" or path == os.path.expanduser("~"):
        raise SandboxError(
            f"the interpreter's prefix, a readable path or the working folder is {path!r}: "
            "it would show the program all of it"
        )
