"""Programs in a container of Docker or Podman, reached by the `docker` library.

Covered: no network, no file of the host, a root that cannot be written, no capability, no way to new
privileges, a user that is not root, and limits on memory, processor, processes, files and time. No
port is published: frames travel over the stream that `docker attach` uses. A container ends when its
stream does, so none outlives its owner; what a crashed daemon leaves is removed at the next start.
Not covered: the kernel is the host's, and a daemon that others may use gives them the host.
"""

from __future__ import annotations

import itertools
import os
import socket
import sys
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import MissingDependency, SandboxError, UsageError
from ..sandbox.bundle import launch
from ..sandbox.session import Connection, SessionLimits
from ..sandbox.starting import WireExecutor
from .containers import LABEL, build, check_runtime, owner, reap, unwrapped
from .streams import FAR, Carried

__all__ = ("DockerExecutor",)

_NOBODY = 65534
_BEFORE = """
import os, resource, select, tempfile, threading
def end_with_the_stream(worker):
    ended = select.poll()
    ended.register(0, 0)
    ended.poll()
    os.kill(worker, 9)
    os._exit(0)
worker = os.fork()
if worker:
    threading.Thread(target=end_with_the_stream, args=(worker,), daemon=True).start()
    ended = 0
    while ended != worker:
        ended, status = os.wait()
    os.write(2, b"~ended %d" % (-(status & 127) or status >> 8))
    os._exit(0)
resource.setrlimit(resource.RLIMIT_DATA, ({data}, {data}))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
os.chdir(tempfile.mkdtemp(prefix="work-"))
os.environ["HOME"] = os.environ["TMPDIR"] = os.getcwd()
"""
"""What runs before a worker. Its parent says how it ended: by then a daemon may have forgotten the container."""
_KEEP = "import os, signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nwhile os.read(0, 1):\n pass"
_END = """
import os, shutil, signal
try:
    os.kill(-1, signal.SIGKILL)
except ProcessLookupError:
    pass
for folder in ("/tmp", "/dev/shm"):
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.lstat(path).st_uid == os.getuid():
            shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else os.unlink(path)
"""
_SOCKETS = ("/var/run/docker.sock", "{XDG_RUNTIME_DIR}/podman/podman.sock", "/run/podman/podman.sock")


class DockerExecutor(WireExecutor):
    """Runs programs in containers: a fresh one for every session, or with `warm` all in one."""

    def __init__(
        self, image: str = "python:3.12-slim", *, dockerfile: str | os.PathLike[str] | None = None,
        packages: Sequence[str] = (), warm: bool = False, memory: int = 1 << 30, cpus: float = 1.0,
        processes: int = 64, disk: int = 64 << 20, timeout: float = 30.0, network: str = "none",
        output_limit: int = 1 << 20, env: Mapping[str, str] | None = None, python: str = "python3",
        pull: bool = True, base_url: str | None = None, **options: Any,
    ) -> None:  # fmt: skip
        """Set what every container gets; no daemon is reached before the first session.

        `image` holds a CPython 3.8 or newer; it is pulled if it is not there, unless `pull=False`.
        `dockerfile` builds it from a file, with that file's folder as context; `packages` are
        installed over it with pip, once. `warm` keeps one container for all sessions, each with a
        user of its own: quicker to start, but the limits are then shared by them.
        `memory` and `disk` (the working folder's) in bytes, `cpus` in processors, `processes` a
        count with threads, `timeout` in seconds of a program's own running. `network` is Docker's
        network mode. `base_url` is the daemon's address: by default `DOCKER_HOST`, or the usual
        sockets of Docker and Podman. `options` go to the library's `create_host_config`, such as
        `runtime="runsc"` or `binds`. Raises `UsageError` for a limit that would be none, or too little.
        """
        _check(memory=memory, cpus=cpus, processes=processes, disk=disk)
        self._source = {"image": image, "dockerfile": dockerfile, "packages": tuple(packages)}
        self._warm, self._memory, self._disk, self._pull = warm, memory, disk, pull
        self._env, self._python, self._base_url = dict(env or {}), python, base_url
        self._host = {
            "network_mode": network, "mem_limit": memory, "memswap_limit": memory, "nano_cpus": int(cpus * 1e9),
            "pids_limit": processes, **options,
        }  # fmt: skip
        self._limits = SessionLimits(timeout=timeout, output=output_limit, start=120.0, grace=FAR)
        self._lock = threading.Lock()
        self._client: Any = None
        self._image: str | None = None
        self._users = itertools.count(60001)
        self._keeper: _Container | None = None

    def _spawn(self) -> Connection:
        with self._lock:
            client = self._client = self._client or self._reached()
        from docker.errors import DockerException

        command, source = launch(self._python, before=_BEFORE.format(data=self._memory * 7 // 8))
        try:
            with self._lock:
                if self._image is None:
                    check_runtime(client, self._host.get("runtime"))
                    reap(client)
                    self._image = self._prepared(client)
                if self._warm and (self._keeper is None or not self._keeper.runs()):
                    self._keeper = _Container(client, self._options(client, [self._python, "-c", _KEEP]))
                    weakref.finalize(self, self._keeper.remove)
            if self._keeper is not None:
                worker = _Inside(self._keeper, command, user=next(self._users), python=self._python)
                return Carried(worker, source, isolation=f"container:{self._keeper.name}")
            container = _Container(client, self._options(client, command))
            return Carried(container, source, isolation=f"container:{container.name}")
        except (DockerException, OSError) as error:  # OSError: of the library's connections too
            image = self._image or self._source["image"]
            raise SandboxError(
                f"the daemon gave no container: {_reason(error)}. See that it runs, that the image {image!r} is there, "
                f"and that {self._python!r} in it is a CPython 3.8 or newer"
            ) from error

    def _reached(self) -> Any:
        """Give a client of a daemon that answers."""
        try:
            import docker
        except ImportError as error:
            raise MissingDependency(
                "DockerExecutor needs the library 'docker': pip install 'codeling[docker]'"
            ) from error
        address = self._base_url or _address()
        try:
            given = docker.utils.kwargs_from_env()
            address = address or given.get("base_url") or _usual()
            if address and address.startswith("unix://"):
                _knock(address.removeprefix("unix://"))
            client = docker.APIClient(**{**given, **({"base_url": address} if address else {})}, timeout=120)
            weakref.finalize(self, client.close)
            client.ping()
        except (docker.errors.DockerException, OSError) as error:
            where = f" at {address}" if address else ""
            raise SandboxError(
                f"no daemon of Docker or Podman answers{where}: {_reason(error)}. Start one (`systemctl start docker`, "
                "or `podman system service --time=0`), or say where it is with DOCKER_HOST or base_url="
            ) from error
        return client

    def _prepared(self, client: Any) -> str:
        """Give the name of an image that is there."""
        from docker.errors import DockerException, NotFound

        image = build(client, **self._source)  # type: ignore[arg-type]  # the three that __init__ was given
        try:
            client.inspect_image(image)
        except NotFound:
            hint = f"`docker pull {image}`, or build one with dockerfile="
            if not self._pull:
                raise SandboxError(f"the daemon has no image {image!r}: {hint}") from None
            try:
                name, _, tag = image.rpartition(":") if ":" in image.rpartition("/")[2] else (image, "", "latest")
                client.pull(name, tag=tag)
                client.inspect_image(image)
            except DockerException as error:
                raise SandboxError(f"the image {image!r} could not be pulled: {_reason(error)}. Try {hint}") from error
        return image

    def _options(self, client: Any, command: list[str]) -> dict[str, Any]:
        from docker.types import Ulimit

        ulimits = [Ulimit(name="nofile", soft=1024, hard=1024), Ulimit(name="nproc", soft=1024, hard=1024)]
        size = f"size={self._disk},mode=1777,nosuid,nodev"
        host = {
            "read_only": True, "tmpfs": {"/tmp": size}, "shm_size": self._disk, "cap_drop": ["ALL"],  # noqa: S108  # inside
            "security_opt": ["no-new-privileges"], "ulimits": ulimits, "auto_remove": True, **self._host,
        }  # fmt: skip
        return {
            "image": self._image, "command": command, "entrypoint": [], "stdin_open": True, "hostname": "sandbox",
            "user": f"{_NOBODY}:{_NOBODY}", "working_dir": "/", "environment": self._env, "labels": {LABEL: owner()},
            "host_config": _host_config(client, host),
        }  # fmt: skip


class _Container:
    """A container and the stream of its first process, as `streams.Stream` says."""

    def __init__(self, client: Any, options: Mapping[str, Any]) -> None:
        self.client = client
        self.id = client.create_container(**options)["Id"]
        self.name = self.id[:12]
        try:
            asked = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            self._socket = _Socket(client.attach_socket(self.id, params=asked))
        except BaseException:
            self._remove()
            raise
        try:
            client.start(self.id)
        except BaseException:
            self.remove()
            raise

    def chunks(self) -> Iterator[bytes]:
        """Give what the worker writes."""
        return self._socket.chunks()

    def send(self, data: bytes, /) -> None:
        """Give the worker bytes."""
        self._socket.send(data)

    def ending(self) -> str | None:
        """How the worker ended."""
        return self._socket.ending()

    def runs(self) -> bool:
        """Whether it still does. Raises what the library does where the daemon does not say."""
        from docker.errors import NotFound

        try:
            return bool(self.client.inspect_container(self.id)["State"]["Running"])
        except NotFound:
            return False

    def remove(self) -> None:
        """Remove the container with everything in it."""
        self._socket.close()
        self._remove()

    def _remove(self) -> None:
        from docker.errors import APIError

        with suppress(APIError, OSError):  # it removes itself at its end; the daemon may be gone
            self.client.remove_container(self.id, force=True)


class _Inside:
    """One more process in a container that runs, as `streams.Stream` says; its user has no other."""

    def __init__(self, container: _Container, command: list[str], *, user: int, python: str) -> None:
        self._container, self._user, self._python = container, f"{user}:{user}", python
        self._socket = _Socket(container.client.exec_start(self._create(command, stdin=True), socket=True))

    def chunks(self) -> Iterator[bytes]:
        """Give what the worker writes."""
        return self._socket.chunks()

    def send(self, data: bytes, /) -> None:
        """Give the worker bytes."""
        self._socket.send(data)

    def ending(self) -> str | None:
        """How the worker ended."""
        return self._socket.ending()

    def remove(self) -> None:
        """End every process of the user and remove its files; where that cannot be done, the container."""
        self._socket.close()
        client = self._container.client
        end = self._create([self._python, "-I", "-S", "-c", _END], stdin=False)
        client.exec_start(end)
        if client.exec_inspect(end)["ExitCode"] not in (0, 137):
            self._container.remove()

    def _create(self, command: list[str], *, stdin: bool) -> str:
        made = self._container.client.exec_create(self._container.id, command, stdin=stdin, user=self._user)
        return str(made["Id"])


class _Socket:
    """The two-way stream of an attached process."""

    def __init__(self, given: Any) -> None:
        self._given, self._socket = given, getattr(given, "_sock", given)
        self._said = ""

    def chunks(self) -> Iterator[bytes]:
        """Give what comes as output; what comes as errors is kept."""
        for channel, data in unwrapped(iter(lambda: self._socket.recv(1 << 16), b"")):
            if channel == 1:
                yield data
            else:
                self._said = (self._said + data.decode("utf-8", "replace"))[-1000:]

    def ending(self) -> str:
        """How the worker ended, as its parent has said as the last of all."""
        said, mark, code = self._said.rpartition("~ended ")
        if not mark:
            return (
                f"its container ended and said: {code.strip()}"
                if code.strip()
                else "its container was ended from outside"
            )
        text = f" and said: {said.strip()}" if said.strip() else ""
        if code == "-9":  # SIGKILL, which nobody here has sent
            return f"it was killed in its container, which is what happens when it takes more than its memory{text}"
        return f"its process ended with exit code {code}{text}"

    def send(self, data: bytes) -> None:
        """Write all of it."""
        self._socket.sendall(data)

    def close(self) -> None:
        """End the stream in both directions, also for who waits for it."""
        with suppress(OSError):
            self._socket.shutdown(2)
        self._socket.close()
        self._given.close()


def _host_config(client: Any, options: Mapping[str, Any]) -> Any:
    try:
        return client.create_host_config(**options)
    except (TypeError, ValueError) as error:
        raise UsageError(f"an option is not one of the library's create_host_config: {error}") from error


def _address() -> str | None:
    """Where a daemon listens, unless the environment says it."""
    if os.environ.get("DOCKER_HOST"):
        return None
    paths = [path.format(XDG_RUNTIME_DIR=os.environ.get("XDG_RUNTIME_DIR", "/run")) for path in _SOCKETS]
    return next((f"unix://{path}" for path in paths if Path(path).exists()), None)


def _usual() -> str | None:
    """Where the library would look; on Windows that is no socket."""
    return None if sys.platform == "win32" else f"unix://{_SOCKETS[0]}"


def _check(*, memory: int, cpus: float, processes: int, disk: int) -> None:
    """Refuse what a daemon would take for no limit at all, and what no Python can start with."""
    for name, given, least in (("memory", memory, 32 << 20), ("processes", processes, 4), ("disk", disk, 1 << 16)):
        if given < least:
            raise UsageError(f"{name}={given!r} is too little for a Python to work with; it takes {least} at least")
    if cpus <= 0:
        raise UsageError(f"cpus={cpus!r} is no number of processors; give one above 0, such as 0.5")


def _knock(path: str) -> None:
    """Raise OSError where nobody listens: the library would leave its socket open."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(path)


def _reason(error: BaseException) -> str:
    return str(getattr(error, "explanation", None) or getattr(error, "strerror", None) or error)[:500]
