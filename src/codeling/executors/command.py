"""Any command that gives a Python on two streams: ssh, docker, kubectl, a batch system, another jail.

Covered: whatever the command's own place covers. Not covered: anything else. This file only starts the
worker and passes frames; it puts no wall around it.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, cast

from ..errors import SandboxError, UsageError
from ..protocols import Session, SessionSpec
from ..sandbox.bundle import launch
from ..sandbox.session import Connection, SessionLimits
from ..sandbox.starting import WireExecutor
from .streams import FAR, INTERRUPT

__all__ = ("CommandExecutor", "Started")

_WATCH = """
import os, select
try:
    os.setsid()
except OSError:
    pass
worker, (ours, theirs) = os.getpid(), os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        os.close(theirs)
        os.close(1)
        os.close(2)
        ended = select.poll()
        ended.register(0, 0)
        ended.register(ours, 0)
        ended.poll()
        try:
            os.killpg(worker, 9)
        except OSError:
            pass
    os._exit(0)
os.wait()
os.close(ours)
"""  # a worker that does not look up from its work ends all the same when the command's stream does


class CommandExecutor(WireExecutor):
    """Runs programs where a command puts them, such as `["ssh", "host", "python3"]`."""

    def __init__(
        self, command: Sequence[str], *, isolation: str = "remote", timeout: float = 30.0, output_limit: int = 1 << 20,
        shell: bool = False, hint: str = "",
    ) -> None:  # fmt: skip
        """Set the command that starts a CPython 3.8 or newer.

        `isolation` is what the run records about the place. With `shell` the arguments are quoted
        once more, for commands such as ssh that hand them to a shell. `hint` says what to look at where
        nothing starts. Raises `UsageError` for a command that is no list of words.
        """
        if isinstance(command, str) or not command:
            raise UsageError(f"a command is a list of words, such as ['ssh', 'host', 'python3'], not {command!r}")
        self._command, self._isolation, self._shell = list(command), isolation, shell
        tried = f"`{shlex.join(self._command)} --version`"
        self._hint = hint or f"See that {tried} prints the version of a CPython 3.8 or newer, and nothing else"
        self._limits = SessionLimits(timeout=timeout, output=output_limit, grace=FAR)

    async def open(self, spec: SessionSpec, /) -> Session:
        """Start an interpreter. Raises `SandboxError` where it cannot be had, saying how to look for the reason."""
        try:
            return await super().open(spec)
        except SandboxError as error:
            raise SandboxError(f"{str(error).rstrip('.')}. {self._hint}") from error

    def _spawn(self) -> Connection:
        (_, *arguments), source = launch(before=_WATCH)
        if self._shell:
            arguments = [shlex.quote(argument) for argument in arguments]
        try:
            process = subprocess.Popen(
                [*self._command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise SandboxError(f"the command {self._command[0]!r} cannot be started: {error.strerror}") from error
        return Started(process, source, self._isolation)


class Started:
    """A worker behind a command, as `session.Connection` says."""

    def __init__(self, process: subprocess.Popen[bytes], source: bytes, isolation: str) -> None:
        self.isolation = isolation
        self._pid, self._lock, self._closed = process.pid, threading.Lock(), False
        self._why: str | None = None
        streams = [cast("IO[bytes]", stream) for stream in (process.stdin, process.stdout, process.stderr)]
        self.writer, self.reader, self._said = (os.dup(stream.fileno()) for stream in streams)
        for stream in streams:
            stream.close()
        process.returncode = 0  # waited for here: whoever drops a session need not close it
        with suppress(OSError):  # a command that is gone already is told by the end of its stream
            while source:  # which fits into the pipe, read or not
                source = source[os.write(self.writer, source) :]
        os.set_blocking(self.reader, False)
        os.set_blocking(self.writer, False)
        os.set_blocking(self._said, False)

    def interrupt(self) -> Mapping[str, Any]:
        """Give the frame that interrupts the program."""
        return INTERRUPT

    def kill(self) -> None:
        """End the command and its group; closing its streams ends the worker wherever it is."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        said, code = "", None
        with suppress(OSError):
            said = os.read(self._said, 4000).decode("utf-8", "replace").strip()
        with suppress(OSError):
            os.killpg(self._pid, signal.SIGKILL)
        # After that: else it might end by a broken pipe, and be told so.
        for fd in (self.writer, self.reader, self._said):
            os.close(fd)
        with suppress(ChildProcessError):
            code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        if said:
            self._why = f"its command ended and said: {said}"
        elif code not in (None, -signal.SIGKILL):  # which was sent here
            self._why = f"its command ended with exit code {code}"

    def trouble(self) -> str | None:
        """What the command said at its end."""
        return self._why
