"""Programs in an E2B sandbox: a virtual machine of the vendor's, reached by the vendor's SDK.

The SDK starts a sandbox, the worker runs in it as a command, and frames travel over the command's
streams as lines of base64. Covered: whatever E2B's machines cover. Tools and secrets stay here.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from ..errors import MissingDependency
from ..sandbox.bundle import launch
from ..sandbox.session import Connection, SessionLimits
from ..sandbox.starting import WireExecutor
from .streams import FAR, Carried, refused

__all__ = ("E2BExecutor",)


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
        self._limits = SessionLimits(timeout=timeout, output=output_limit, start=120.0, grace=FAR)

    def _spawn(self) -> Connection:
        try:
            from e2b import Sandbox
        except ImportError as error:
            raise MissingDependency("E2BExecutor needs the library 'e2b': pip install 'codeling[e2b]'") from error
        given = {name: value for name, value in self._options.items() if value is not None}
        command, source = launch(self._python, text=True)
        try:
            sandbox = Sandbox.create(**given)
            stream = _Command(sandbox, command)
            return Carried(stream, source, isolation=f"e2b:{sandbox.sandbox_id}", text=True)
        except Exception as error:  # foreign code: the SDK's errors have no common base
            raise refused("E2B", error, check="E2B_API_KEY (or api_key=), the template and your quota") from error


class _Command:
    """A command in an E2B sandbox, as `streams.Stream` says."""

    def __init__(self, sandbox: Any, command: list[str]) -> None:
        self._sandbox, self._said = sandbox, ""
        try:
            self._command = sandbox.commands.run(
                shlex.join(command), background=True, stdin=True, timeout=0, retain_output=False
            )
        except BaseException:
            sandbox.kill()
            raise

    def chunks(self) -> Iterator[bytes]:
        """Give what the worker writes."""
        for out, said, _ in self._command:
            self._said = (self._said + (said or ""))[-500:]
            if out:
                yield out.encode()

    def send(self, data: bytes, /) -> None:
        """Give the worker bytes."""
        self._command.send_stdin(data)

    def ending(self) -> str | None:
        """How the command ended and what it said. Raises `ConnectionError` where only the stream has ended."""
        said = f" and said: {self._said.strip()}" if self._said.strip() else ""
        try:
            code = self._command.wait().exit_code
        except Exception as error:  # noqa: BLE001  # foreign code: an exit code other than 0 is an error, and so is none at all
            code = getattr(error, "exit_code", None)
        if code is None:
            raise ConnectionError("it ended before its command did")
        return f"its command ended with exit code {code}{said}"

    def remove(self) -> None:
        """Remove the sandbox."""
        self._sandbox.kill()
