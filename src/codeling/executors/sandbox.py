"""The default executor: real CPython in a process of its own behind the operating system's wall.

What the wall covers, layer by layer, is written in SECURITY.md.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..errors import IsolationUnavailable
from ..sandbox.session import Connection, SessionLimits
from ..sandbox.starting import WireExecutor
from ..sandbox.wall import Isolation, Options, zygote_for

__all__ = ("SandboxExecutor",)


class SandboxExecutor(WireExecutor):
    """Runs programs in sealed child processes of this machine.

    A program reads the interpreter, the installed packages and the `read` paths, and writes to a
    private working folder. It reaches no other file, no network, no other process, no secret.
    """

    def __init__(
        self,
        *,
        isolation: Isolation | None = None,
        memory: int = 2 << 30,
        timeout: float = 30.0,
        disk: int = 64 << 20,
        files: int = 4096,
        open_files: int = 128,
        output_limit: int = 1 << 20,
        read: Sequence[str | os.PathLike[str]] = (),
        preload: Sequence[str] = (),
        python: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Set what every session gets.

        `isolation`: `"full"` (namespaces, Landlock and seccomp), `"strong"` (Landlock and seccomp), or
        the best that the machine gives. `memory` and `disk` in bytes; `timeout` in seconds of a
        program's own running; `files` and `open_files` are counts; `output_limit` in bytes a program.
        `preload` names modules that are loaded once and shared by all sessions.
        """
        self._options = Options(
            isolation=isolation or "full", memory=memory, disk=disk, files=files, open_files=open_files,
            read=tuple(map(os.path.abspath, read)), preload=("json", "asyncio", *preload), env=dict(env or {}),
            python=python or sys.executable,
        )  # fmt: skip
        self._choose = isolation is None
        self._limits = SessionLimits(timeout=timeout, output=output_limit)

    def _spawn(self) -> Connection:
        try:
            return zygote_for(self._options).spawn()
        except IsolationUnavailable:
            if not self._choose or self._options.isolation == "strong":
                raise
            self._options = replace(self._options, isolation="strong")
            return zygote_for(self._options).spawn()
