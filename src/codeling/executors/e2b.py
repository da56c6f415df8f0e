"""Programs in an E2B sandbox: a virtual machine of the vendor's, reached by the vendor's SDK.

The SDK starts a sandbox, the worker runs in it as a command, and frames travel over the command's
streams as lines of base64. Covered: whatever E2B's machines cover. Tools and secrets stay here.
"""

from __future__ import annotations

import base64
import binascii
import os
import shlex
import threading
from contextlib import suppress
from typing import Any

from ..errors import MissingDependency, SandboxError
from ..sandbox import frames
from ..sandbox.bundle import worker_source
from ..sandbox.session import Connection, SessionLimits
from ..sandbox.starting import WireExecutor

__all__ = ("E2BExecutor",)

_READ = (
    "import os,sys\nn=int(sys.argv[1])\nb=b''\n"
    "while len(b)<n:\n c=os.read(0,n-len(b))\n if not c: sys.exit(1)\n b+=c\n"
    "exec(compile(b,'codeling-worker','exec'),{'__name__':'codeling_worker'})"
)
_CHUNK = 48 << 10


class E2BExecutor(WireExecutor):
    """Runs programs in sandboxes of E2B. Each session is a sandbox, removed when the session ends."""

    def __init__(
        self, *, api_key: str | None = None, template: str | None = None, python: str = "python3",
        timeout: float = 60.0, sandbox_timeout: int = 600, output_limit: int = 1 << 20,
        allow_internet_access: bool = False, **options: Any,
    ) -> None:  # fmt: skip
        """Set what every sandbox gets; nothing is reached before the first session.

        `api_key` is `E2B_API_KEY` by default. `timeout` is in seconds of a program's own running;
        `sandbox_timeout` is E2B's time to live of a sandbox, in seconds, after which E2B removes it
        whatever happens here. `options` go to the SDK's `Sandbox.create`.
        """
        self._python = python
        self._options = {
            "api_key": api_key, "template": template, "timeout": sandbox_timeout,
            "allow_internet_access": allow_internet_access, **options,
        }  # fmt: skip
        self._limits = SessionLimits(timeout=timeout, output=output_limit, start=120.0)

    def _spawn(self) -> Connection:
        try:
            from e2b import Sandbox
        except ImportError as error:
            raise MissingDependency("E2BExecutor needs the library 'e2b': pip install 'codeling[e2b]'") from error
        given = {name: value for name, value in self._options.items() if value is not None}
        try:
            return _Remote(Sandbox.create(**given), self._python)
        except Exception as error:  # foreign code: the SDK's errors have no common base
            raise SandboxError(
                f"E2B gave no sandbox: {type(error).__name__}: {error}. Check E2B_API_KEY (or api_key=), the template "
                "and your quota"
            ) from error


class _Remote:
    """A worker in an E2B sandbox, as `session.Connection` says. Two threads carry the bytes."""

    isolation = "e2b"

    def __init__(self, sandbox: Any, python: str) -> None:
        self._sandbox, self.sandbox_id = sandbox, sandbox.sandbox_id
        source = worker_source(text=True).encode()
        command = shlex.join([python, "-I", "-u", "-c", _READ, str(len(source))])
        self._command = sandbox.commands.run(command, background=True, stdin=True, timeout=0, retain_output=False)
        for start in range(0, len(source), _CHUNK):
            self._command.send_stdin(source[start : start + _CHUNK])
        self.reader, self._from_worker = os.pipe()
        self._to_worker, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(self.writer, False)
        self._lock, self._closed = threading.Lock(), False
        self._why: str | None = None
        for carry in (self._carry_out, self._carry_in):
            threading.Thread(target=carry, name="codeling-e2b", daemon=True).start()

    def interrupt(self) -> None:
        """Ask the worker to interrupt its program."""
        interrupt = frames.encode({"t": "interrupt"})
        with suppress(Exception):  # foreign code: a sandbox that is gone needs no interrupt
            self._command.send_stdin(base64.b64encode(interrupt) + b"\n")

    def kill(self) -> None:
        """Remove the sandbox. The vendor's answer is not waited for."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        os.close(self.reader)
        os.close(self.writer)
        threading.Thread(target=self._remove, name="codeling-e2b-kill").start()

    def trouble(self) -> str | None:
        """What ended the command's stream, where that is known."""
        return self._why

    def _remove(self) -> None:
        with suppress(Exception):  # foreign code: what is not removed now ends with its time to live
            self._sandbox.kill()

    def _carry_out(self) -> None:
        """Give on what the worker writes."""
        rest = ""
        try:
            for out, said, _ in self._command:
                *lines, rest = (rest + (out or "")).split("\n")
                for line in lines:
                    data = base64.b64decode(line, validate=True)
                    while data:
                        data = data[os.write(self._from_worker, data) :]
                self._why = f"its command said: {said.strip()[:500]}" if said else self._why
        except (OSError, binascii.Error) as error:
            self._why = self._why or f"its stream broke: {error}"
        except Exception as error:  # noqa: BLE001  # foreign code: the SDK's errors have no common base
            self._why = f"E2B: {type(error).__name__}: {error}"
        os.close(self._from_worker)

    def _carry_in(self) -> None:
        """Give the worker what is written to it."""
        with suppress(Exception):  # foreign code: a stream that broke is told by its other half
            while chunk := os.read(self._to_worker, _CHUNK):
                self._command.send_stdin(base64.b64encode(chunk) + b"\n")
        os.close(self._to_worker)
