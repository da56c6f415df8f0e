"""Programs in a Daytona sandbox: a container of the vendor's, reached by the vendor's SDK.

The SDK starts a sandbox, the worker runs in a terminal of it, and frames travel over the terminal's
websocket as lines of text. Covered: whatever Daytona's sandboxes cover. Tools and secrets stay here.
"""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import MissingDependency
from ..sandbox.bundle import launch
from ..sandbox.session import Connection, SessionLimits
from ..sandbox.starting import WireExecutor
from .streams import FAR, Carried, refused

__all__ = ("DaytonaExecutor",)

_CHECK = "DAYTONA_API_KEY (or api_key=), the region (target=), the image and your quota"


class DaytonaExecutor(WireExecutor):
    """Runs programs in sandboxes of Daytona. Each session is a sandbox, removed when the session ends."""

    def __init__(
        self, *, api_key: str | None = None, api_url: str | None = None, target: str | None = None,
        image: Any = None, snapshot: str | None = None, python: str = "python3", timeout: float = 60.0,
        sandbox_timeout: int = 600, network_block_all: bool = True, output_limit: int = 1 << 20, **options: Any,
    ) -> None:  # fmt: skip
        """Set what every sandbox gets; nothing is reached before the first session.

        `api_key` is `DAYTONA_API_KEY` by default and `target` is the region. With `image` (a name in
        a registry or a `daytona.Image`) a sandbox is made of it, else of `snapshot` or Daytona's own.
        `timeout` is in seconds of a program's own running; `sandbox_timeout` is Daytona's time to live
        of a sandbox, in seconds, rounded up to minutes, after which Daytona removes it whatever
        happens here. `options` go to the SDK's parameters of `create`.
        """
        self._account = {"api_key": api_key, "api_url": api_url, "target": target}
        self._python, self._minutes = python, max(1, -(-sandbox_timeout // 60))
        self._options: Mapping[str, Any] = {
            "image": image, "snapshot": snapshot, "network_block_all": network_block_all, **options,
        }  # fmt: skip
        self._limits = SessionLimits(timeout=timeout, output=output_limit, start=120.0, grace=FAR)

    def _spawn(self) -> Connection:
        try:
            import daytona
        except ImportError as error:
            raise MissingDependency(
                "DaytonaExecutor needs the library 'daytona': pip install 'codeling[daytona]'"
            ) from error
        command, source = launch(self._python, text=True)
        account = {name: value for name, value in self._account.items() if value is not None}
        given = {name: value for name, value in self._options.items() if value is not None}
        kind = daytona.CreateSandboxFromImageParams if "image" in given else daytona.CreateSandboxFromSnapshotParams
        if "ttl_minutes" in kind.model_fields:  # newer versions of the SDK
            given = {"ttl_minutes": self._minutes, **given}
        try:
            client = daytona.Daytona(daytona.DaytonaConfig(**account) if account else None)
            sandbox = client.create(kind(ephemeral=True, auto_stop_interval=self._minutes, **given))
            return Carried(_Terminal(client, sandbox, command), source, isolation=f"daytona:{sandbox.id}", text=True)
        except Exception as error:  # foreign code: the SDK's errors have no common base
            raise refused("Daytona", error, check=_CHECK) from error


class _Terminal:
    """A terminal in a Daytona sandbox, as `streams.Stream` says. The worker makes it raw."""

    def __init__(self, client: Any, sandbox: Any, command: list[str]) -> None:
        self._client, self._sandbox = client, sandbox
        try:
            self._terminal = sandbox.process.create_pty_session(id=f"codeling-{uuid.uuid4().hex[:12]}")
            self._terminal.send_input(f"exec {shlex.join(command)}\n")
        except BaseException:
            self._sandbox.delete()
            raise
        self._said = b""

    def chunks(self) -> Iterator[bytes]:
        """Give what the worker writes."""
        for chunk in self._terminal:
            self._said = chunk[-500:]
            yield chunk

    def send(self, data: bytes, /) -> None:
        """Give the worker bytes."""
        self._terminal.send_input(data)

    def ending(self) -> str | None:
        """How the terminal ended, and what was last to be read there."""
        said = " ".join(self._said.decode("utf-8", "replace").split())[-300:]
        text = f" and said: {said}" if said and "~>" not in said else ""
        if self._terminal.error:
            return f"its terminal ended: {self._terminal.error}{text}"
        return f"its command ended with exit code {self._terminal.exit_code}{text}"

    def remove(self) -> None:
        """Remove the sandbox."""
        try:
            self._sandbox.delete()
        finally:
            self._terminal.disconnect()
