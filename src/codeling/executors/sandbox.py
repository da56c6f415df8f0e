"""The default executor: real CPython in a process of its own behind the operating system's wall.

What the wall covers, layer by layer, is written in SECURITY.md.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from ..errors import IsolationUnavailable, SandboxError, UsageError
from ..lookup import load
from ..protocols import Session, SessionSpec
from ..sandbox import given
from ..sandbox.network import Proxy, rules_from
from ..sandbox.sealed import SealedWorker
from ..sandbox.session import Connection, SessionLimits, WireSession
from ..sandbox.starting import WireExecutor
from ..sandbox.wall import Isolation, Options, check_folder, zygote_for

__all__ = ("SandboxExecutor",)


class SandboxExecutor(WireExecutor):
    """Runs programs in sealed child processes of this machine.

    A program reads the interpreter, the installed packages and the `read` paths, and writes to a
    private working folder. It reaches no other file, no network, no other process, no secret, but for
    what is granted here.
    """

    def __init__(
        self, *, isolation: Isolation | None = None, memory: int = 2 << 30, timeout: float = 30.0, disk: int = 64 << 20,
        files_limit: int = 4096, open_files: int = 128, output_limit: int = 1 << 20,
        read: Sequence[str | os.PathLike[str]] = (), workdir: str | os.PathLike[str] | None = None,
        writable: bool = False, files: Mapping[str, bytes | str | os.PathLike[str]] | None = None,
        artifacts: str | os.PathLike[str] | None = None, packages: Sequence[str] | None = None,
        network: Sequence[str] = (), private_hosts: Sequence[str] = (), processes: int = 0, preload: Sequence[str] = (),
        python: str | None = None, env: Mapping[str, str] | None = None, hash_seed: int = 0,
        forks: int = 0,
    ) -> None:  # fmt: skip
        """Set what every session gets.

        `isolation`: `"full"` (namespaces, Landlock and seccomp), `"strong"` (Landlock and seccomp), or
        the best that the machine gives. `memory` and `disk` in bytes; `timeout` in seconds of a
        program's own running; `files_limit` and `open_files` are counts; `output_limit` in bytes a program.

        `read` names paths that may be read. `workdir` is a folder of yours in which programs run, to read,
        and with `writable` to write; `files` maps names in the private working folder to their bytes or to
        a path of yours; `artifacts` is a folder of yours that gets what programs leave in `./artifacts`, at most
        `disk` bytes of it.
        `packages` are requirements, installed once into an environment that is all that programs see;
        `network` names what may be reached, as `host:port`, by HTTP and through a proxy of ours
        (`private_hosts`: names among them that may be private addresses); `processes` is how many
        processes and threads a program may start; `forks` is how many copies of one session `Session.fork`
        may make at a time, each with `memory` of its own. These last three need full isolation.
        `preload` names modules that are loaded once and shared by all sessions. `hash_seed` is Python's own,
        from 1 to 4294967295, or 0 for the order of sets that all have: the same one for all sessions, and
        for a run that is resumed.

        Raises `UsageError` for options that do not fit together.
        """
        if isolation not in (None, *get_args(Isolation)):
            raise UsageError(f"isolation= is 'full' or 'strong', or None for the best there is, not {isolation!r}")
        given.listed(read=read, packages=packages, network=network, private_hosts=private_hosts, preload=preload)
        given.check_counts(1, memory=memory, disk=disk, files_limit=files_limit, open_files=open_files)
        given.check_counts(0, processes=processes, forks=forks)
        if (network or processes or forks) and isolation == "strong":
            raise UsageError("network=, processes= and forks= need namespaces of the session's own: isolation='full'")
        if forks and (network or processes):
            raise UsageError("forks= goes with neither network= nor processes=: what those hold cannot be copied")
        if files and workdir:
            raise UsageError("files= goes into the private working folder; with workdir= put them there yourself")
        given.check_environment(env or {})
        given.check_names(files or {})
        self._files = dict(files or {})
        self._artifacts = given.Artifacts(artifacts) if artifacts is not None else None
        self._packages = None if packages is None else tuple(packages)
        self._proxy = Proxy(rules_from(network, private_hosts)) if network else None
        self._options = Options(
            isolation=isolation or "full", memory=memory, disk=disk, files=files_limit, open_files=open_files,
            tasks=processes + 2 if processes else 256 + forks, processes=processes, forks=forks, network=bool(network),
            read=given.paths(read), preload=("json", "asyncio", "random", *preload),
            env=dict(env or {}), python=python or sys.executable, workdir=_folder(workdir), writable=writable,
            hash_seed=_seed(hash_seed),
        )  # fmt: skip
        self._choose = isolation is None and not (network or processes or forks)
        self._limits = SessionLimits(timeout=timeout, output=output_limit)
        self._had = ""

    async def open(self, spec: SessionSpec, /) -> Session:
        """Start an interpreter, or have it started, where the spec lets it and one has been had before."""
        if spec.ahead and self._had:
            return WireSession.ahead(self._start, spec, limits=self._limits, isolation=self._had)
        session = await super().open(spec)
        self._had = session.isolation
        return session

    def _spawn(self) -> Connection:
        if self._packages is not None:
            build = load("codeling.sandbox.environments:environment")
            self._options = replace(self._options, python=build(self._packages, python=self._options.python))
            self._packages = None
        if sys.platform == "darwin":
            connection: Connection = load("codeling.sandbox.macos:spawn")(self._options)
            return connection
        try:
            return self._start_sealed()
        except IsolationUnavailable:
            if not self._choose or self._options.isolation == "strong":
                raise
            self._options = replace(self._options, isolation="strong")
            return self._start_sealed()

    def _threads(self) -> ThreadPoolExecutor:
        """A few will do where one warm parent starts all; an environment to be built takes long."""
        pool: ThreadPoolExecutor = load(f"codeling.sync.threads:{'pool' if self._packages else 'starters'}")()
        return pool

    def _start_sealed(self) -> SealedWorker:
        zygote = zygote_for(self._options)
        with ExitStack() as stack:
            pack = stack.enter_context(_packed(self._files)) if self._files else None
            endings: list[Callable[[SealedWorker], None]] = [self._collect] if self._artifacts else []
            if self._proxy is None:
                return zygote.spawn(pack=pack, endings=tuple(endings))
            ours, theirs = socket.socketpair()
            with ours, theirs:
                worker = zygote.spawn(door=theirs.fileno(), pack=pack, endings=(*endings, self._hang_up))
                theirs.close()
                ours.settimeout(10)
                worker.hang_up = self._proxy.serve(_listening(ours, worker))
                return worker

    @staticmethod
    def _hang_up(worker: SealedWorker) -> None:
        worker.hang_up()

    def _collect(self, worker: SealedWorker) -> None:
        if self._artifacts:
            folder = self._options.workdir or worker.folder
            self._artifacts.take(worker.pid, folder, most=self._options.disk, is_over=worker.is_over)


def _seed(given: Any) -> int:
    if not isinstance(given, int) or not 0 <= given < 1 << 32:
        raise UsageError(f"hash_seed= is a number from 0 to {(1 << 32) - 1}, not {given!r}")
    return given


def _folder(workdir: str | os.PathLike[str] | None) -> str | None:
    if workdir is None:
        return None
    path = os.path.realpath(workdir)
    if not Path(path).is_dir():
        raise UsageError(f"workdir= is a folder that is there; {os.fspath(workdir)!r} is none")
    check_folder(path)
    return path


@contextmanager
def _packed(files: Mapping[str, bytes | str | os.PathLike[str]]) -> Iterator[int]:
    handle = given.pack(files)
    try:
        yield handle
    finally:
        os.close(handle)


def _listening(door: socket.socket, worker: SealedWorker) -> socket.socket:
    """The listening end that a worker opened in its own network namespace."""
    try:
        _, handles, _, _ = socket.recv_fds(door, 1, 1)
    except OSError:
        handles = []
    if not handles:
        worker.kill()
        raise SandboxError("the sandbox's network could not be set up")
    return socket.socket(fileno=handles[0])
