"""Programs in a Modal sandbox: a gVisor container of the vendor's, reached by the vendor's SDK.

The SDK starts a sandbox, the worker runs in it as a command, and frames travel over the command's
streams. Covered: whatever Modal's sandboxes cover. Tools and secrets stay here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from ..errors import MissingDependency
from ..sandbox.bundle import launch
from ..sandbox.session import Connection, SessionLimits
from ..sandbox.starting import WireExecutor
from .streams import FAR, Carried, refused

__all__ = ("ModalExecutor",)

_CHECK = "MODAL_TOKEN_ID and MODAL_TOKEN_SECRET (or token_id= and token_secret=), the region and your quota"


class ModalExecutor(WireExecutor):
    """Runs programs in sandboxes of Modal. Each session is a sandbox, removed when the session ends."""

    def __init__(
        self, *, token_id: str | None = None, token_secret: str | None = None, app: str = "codeling",
        image: Any = None, packages: Sequence[str] = (), region: str | None = None, python: str = "python3",
        timeout: float = 60.0, sandbox_timeout: int = 600, block_network: bool = True, output_limit: int = 1 << 20,
        **options: Any,
    ) -> None:  # fmt: skip
        """Set what every sandbox gets; nothing is reached before the first session.

        The token is that of Modal's configuration by default. `image` is a `modal.Image` or the name
        of one in a registry, by default Modal's Debian with Python; `packages` are installed over it.
        `timeout` is in seconds of a program's own running; `sandbox_timeout` is Modal's time to live
        of a sandbox, in seconds, after which Modal removes it whatever happens here. `options` go to
        the SDK's `Sandbox.create`, such as `cpu` and `memory`.
        """
        self._token, self._app, self._image, self._packages = (token_id, token_secret), app, image, tuple(packages)
        self._python = python
        self._options = {
            "region": region, "timeout": sandbox_timeout, "block_network": block_network, **options,
        }  # fmt: skip
        self._limits = SessionLimits(timeout=timeout, output=output_limit, start=120.0, grace=FAR)

    def _spawn(self) -> Connection:
        try:
            import modal
        except ImportError as error:
            raise MissingDependency("ModalExecutor needs the library 'modal': pip install 'codeling[modal]'") from error
        command, source = launch(self._python)
        try:
            client = modal.Client.from_credentials(*self._token) if all(self._token) else None
            app = modal.App.lookup(self._app, create_if_missing=True, client=client)
            image = self._image if self._image is not None else modal.Image.debian_slim()
            image = modal.Image.from_registry(image) if isinstance(image, str) else image
            image = image.pip_install(*self._packages) if self._packages else image
            sandbox = modal.Sandbox.create(app=app, image=image, client=client, **self._options)
            return Carried(_Command(sandbox, command), source, isolation=f"modal:{sandbox.object_id}")
        except Exception as error:  # foreign code: the SDK's errors have no common base
            raise refused("Modal", error, check=_CHECK) from error


class _Command:
    """A command in a Modal sandbox, as `streams.Stream` says."""

    def __init__(self, sandbox: Any, command: list[str]) -> None:
        self._sandbox = sandbox
        try:
            self._process = sandbox.exec(*command, text=False)
        except BaseException:
            self.remove()
            raise

    def chunks(self) -> Iterator[bytes]:
        """Give what the worker writes."""
        yield from self._process.stdout

    def send(self, data: bytes, /) -> None:
        """Give the worker bytes."""
        self._process.stdin.write(data)
        self._process.stdin.drain()

    def ending(self) -> str | None:
        """How the command ended and what it said."""
        code, said = self._process.wait(), ""
        with suppress(Exception):  # foreign code: what it said is only a help
            said = self._process.stderr.read().decode("utf-8", "replace").strip()[-500:]
        return f"its command ended with exit code {code}" + (f" and said: {said}" if said else "")

    def remove(self) -> None:
        """Remove the sandbox."""
        self._sandbox.terminate()
