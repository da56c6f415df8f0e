"""Programs in a Blaxel sandbox: a virtual machine of the vendor's, reached by the vendor's SDK.

The SDK starts a sandbox, the worker runs in it as a process, and frames travel as lines of text: to it
by requests, from it over the stream of its output. Covered: whatever Blaxel's machines cover. Not
covered: the sandbox reaches the internet as Blaxel lets it. Tools and secrets stay here.
"""

from __future__ import annotations

import queue
import shlex
import threading
import uuid
from collections.abc import Iterator
from typing import Any

from ..errors import MissingDependency
from ..sandbox.bundle import launch
from ..sandbox.session import Connection, SessionLimits
from ..sandbox.starting import WireExecutor
from .streams import FAR, Carried, refused

__all__ = ("BlaxelExecutor",)

_CHECK = "BL_API_KEY and BL_WORKSPACE, the image, the region and your quota"


class BlaxelExecutor(WireExecutor):
    """Runs programs in sandboxes of Blaxel. Each session is a sandbox, removed when the session ends."""

    def __init__(
        self, *, image: str = "blaxel/py-app:latest", memory: int = 4096, region: str | None = None,
        python: str = "python3", timeout: float = 60.0, sandbox_timeout: int = 600, output_limit: int = 1 << 20,
        **options: Any,
    ) -> None:  # fmt: skip
        """Set what every sandbox gets; nothing is reached before the first session.

        The key and the workspace are `BL_API_KEY` and `BL_WORKSPACE`, or those of `bl login`.
        `memory` is in MB. `timeout` is in seconds of a program's own running; `sandbox_timeout` is
        Blaxel's time to live of a sandbox, in seconds and at least 300, after which Blaxel removes it
        whatever happens here. `options` go to the SDK's `create`, such as `network`.
        """
        self._python = python
        self._options = {
            "image": image, "memory": memory, "region": region, "ttl": f"{sandbox_timeout}s", **options,
        }  # fmt: skip
        self._limits = SessionLimits(timeout=timeout, output=output_limit, start=120.0, grace=FAR)

    def _spawn(self) -> Connection:
        try:
            from blaxel.core import SyncSandboxInstance
        except ImportError as error:
            raise MissingDependency(
                "BlaxelExecutor needs the library 'blaxel': pip install 'codeling[blaxel]'"
            ) from error
        command, source = launch(self._python, text=True)
        name = f"codeling-{uuid.uuid4().hex[:12]}"
        given = {name: value for name, value in self._options.items() if value is not None}
        try:
            sandbox = SyncSandboxInstance.create({"name": name, **given})
            stream = _Process(sandbox, lambda: SyncSandboxInstance.delete(name), command)
            return Carried(stream, source, isolation=f"blaxel:{name}", text=True)
        except Exception as error:  # foreign code: the SDK's errors have no common base
            raise refused("Blaxel", error, check=_CHECK) from error


class _Process:
    """A process in a Blaxel sandbox, as `streams.Stream` says."""

    def __init__(self, sandbox: Any, delete: Any, command: list[str]) -> None:
        self._processes, self._delete, self._name = sandbox.process, delete, "codeling-worker"
        self._client = sandbox.process.get_api_client()
        self._came: queue.Queue[str | None] = queue.Queue(256)
        self._said, self._why, self._gone = "", "", threading.Event()
        threading.Thread(target=self._run, args=(shlex.join(command),), name="codeling-blaxel", daemon=True).start()

    def chunks(self) -> Iterator[bytes]:
        """Give what the worker writes."""
        while (text := self._came.get()) is not None:
            yield text.encode()
        if self._why:
            raise ConnectionError(self._why)

    def send(self, data: bytes, /) -> None:
        """Give the worker bytes, as `process.write_stdin` does, over one connection that is kept."""
        from blaxel.core.sandbox.client.api.process.post_process_identifier_stdin import sync_detailed

        answer = sync_detailed(self._name, client=self._client, body=data)
        if answer.status_code >= 400:
            raise ConnectionError(f"{int(answer.status_code)}: {answer.content[:300].decode('utf-8', 'replace')}")

    def ending(self) -> str | None:
        """What the process said at its end."""
        return f"its process ended and said: {self._said.strip()}" if self._said.strip() else None

    def remove(self) -> None:
        """Remove the sandbox."""
        self._gone.set()
        try:
            self._delete()
        finally:
            self._client.get_httpx_client().close()

    def _run(self, line: str) -> None:
        """Start the process and take its output to its end: the SDK gives it by callbacks, in one long request."""
        request = {"command": line, "name": self._name, "stdin": True, "wait_for_completion": True, "keep_alive": True}
        try:
            self._processes.exec(
                {**request, "timeout": 0, "on_stdout": self._take, "on_stderr": self._hear}
            )  # fmt: skip
        except Exception as error:  # noqa: BLE001  # foreign code: the SDK's errors have no common base
            self._why = f"{type(error).__name__}: {str(error)[:500]}"
        self._take(None)

    def _take(self, text: str | None) -> None:
        while not self._gone.is_set():
            try:
                return self._came.put(text, timeout=1)
            except queue.Full:  # nobody reads yet: the stream waits
                continue
        return self._came.put_nowait(None) if self._came.empty() else None

    def _hear(self, text: str) -> None:
        self._said = (self._said + text)[-500:]
