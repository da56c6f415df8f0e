"""Programs beside a Jupyter kernel, on a Jupyter server or kernel gateway, by Jupyter's own protocol.

The kernel starts the worker as a process of its own, with its Python and its packages; the kernel's
variables are not touched. Frames travel as messages of a comm over the kernel's websocket, paced below
the rate at which Jupyter servers drop messages, and numbered, so that a lost one is noticed. Covered:
what the kernel's machine covers. Not covered: no wall is put around the worker, which may do there
whatever the kernel may.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import MissingDependency, SandboxError
from ..sandbox.bundle import launch
from ..sandbox.session import Connection, SessionLimits
from ..sandbox.starting import WireExecutor
from .streams import FAR, Carried

__all__ = ("JupyterExecutor",)

_INSIDE = Path(__file__).parent / "beside" / "kernel.py"
_BEAT = 10.0


class JupyterExecutor(WireExecutor):
    """Runs programs on a Jupyter server's machine: beside a kernel that runs already, or one made for each session."""

    def __init__(
        self, url: str = "http://127.0.0.1:8888", *, token: str | None = None, kernel_id: str | None = None,
        kernel_name: str = "python3", timeout: float = 30.0, output_limit: int = 1 << 20,
    ) -> None:  # fmt: skip
        """Set the server's address and its token.

        With `kernel_id` the worker runs beside that kernel, which is left as it is; while the kernel
        works on something else, tool calls wait for it. Otherwise a kernel of `kernel_name` is
        started for each session and ended with it. `timeout` is in seconds of a program's own running.
        """
        self._url, self._token, self._kernel, self._name = url.rstrip("/"), token, kernel_id, kernel_name
        self._limits = SessionLimits(timeout=timeout, output=output_limit, start=120.0, grace=FAR)

    def _spawn(self) -> Connection:
        try:
            import websocket
        except ImportError as error:
            raise MissingDependency(
                "JupyterExecutor needs the library 'websocket-client': pip install 'codeling[jupyter]'"
            ) from error
        _, source = launch()
        kernel = self._kernel or self._ask("POST", "/api/kernels", {"name": self._name})["id"]
        try:
            socket = websocket.create_connection(
                f"ws{self._url.removeprefix('http')}/api/kernels/{kernel}/channels", header=self._headers(),
                timeout=120, enable_multithread=True, sslopt={"cert_reqs": ssl.CERT_REQUIRED},
            )  # fmt: skip
            return Carried(_Comm(socket, source, lambda: self._end(kernel)), source, isolation=f"jupyter:{kernel}")
        except (websocket.WebSocketException, OSError) as error:
            self._end(kernel)
            raise SandboxError(
                f"the kernel {kernel!r} of {self._url} gave no worker: {str(error)[:200]}. See that it runs Python, "
                "that its id is right, and that its server allows websockets"
            ) from error

    def _end(self, kernel: str) -> None:
        if self._kernel is None:
            with suppress(SandboxError):  # a server that is gone has ended it
                self._ask("DELETE", f"/api/kernels/{kernel}", None)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self._token}"} if self._token else {}

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        if urllib.parse.urlsplit(self._url).scheme not in ("http", "https"):
            raise SandboxError(f"a Jupyter server's address begins with http:// or https://, unlike {self._url!r}")
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **self._headers()}
        request = urllib.request.Request(self._url + path, data, headers, method=method)  # noqa: S310  # checked above
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310  # checked above
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                said = error.read(1 << 16).decode("utf-8", "replace")
            why = "it refused the token: give its own as token=" if error.code in (401, 403) else _told(said)
            raise SandboxError(f"the Jupyter server at {self._url} gave no kernel: {error.code}: {why}") from error
        except (OSError, ValueError) as error:
            raise SandboxError(
                f"no Jupyter server answers at {self._url}: {getattr(error, 'reason', error)}. Start one, such as "
                "`jupyter kernelgateway`, or say where it is with url="
            ) from error


def _told(answer: str) -> str:
    """Give the reason in a server's answer: the last line of its traceback, else its message, else all of it."""
    try:
        said = json.loads(answer)
        lines = str(said.get("traceback") or "").strip().splitlines() or [str(said.get("message") or answer)]
    except (ValueError, AttributeError):
        lines = [answer]
    return lines[-1].strip()[:300]


class _Comm:
    """A worker at the other end of a comm, as `streams.Stream` says."""

    def __init__(self, socket: Any, source: bytes, end: Any) -> None:
        self._socket, self._end = socket, end
        self._id, self._session, self._next = uuid.uuid4().hex, uuid.uuid4().hex, 0
        self._code, self._said = 0, ""
        self._gone = threading.Event()
        target = f"codeling-{self._id}"
        code = _INSIDE.read_text(encoding="utf-8")
        start = f"exec({code!r}, {{'target': {target!r}, 'bootstrap': {launch()[0][4]!r}, 'size': {len(source)}}})"
        self._request("execute_request", {
            "code": start, "silent": True, "store_history": False, "user_expressions": {}, "allow_stdin": False,
            "stop_on_error": True,
        })  # fmt: skip
        self._request("comm_open", {"comm_id": self._id, "target_name": target, "data": {}})
        threading.Thread(target=self._beat, name="codeling-jupyter", daemon=True).start()

    def chunks(self) -> Iterator[bytes]:
        """Give what the worker writes."""
        self._socket.settimeout(None)
        while text := self._socket.recv():
            message = json.loads(text)
            kind, content = message["header"]["msg_type"], message["content"]
            if kind == "comm_msg" and content.get("comm_id") == self._id:
                data = content["data"]
                if data["number"] != self._next:
                    raise ConnectionError("the server dropped messages: raise its iopub_msg_rate_limit")
                self._next += 1
                if "code" in data:
                    self._code, self._said = data["code"], str(data.get("said", ""))
                    return
                yield base64.b64decode(data["bytes"], validate=True)
            elif kind in ("comm_close", "error") and content.get("comm_id", self._id) == self._id:
                raise ConnectionError(f"the kernel started no worker: {str(content.get('evalue', ''))[:300]}")
            elif kind == "status" and content.get("execution_state") in ("dead", "restarting"):
                raise ConnectionError("the kernel died")

    def send(self, data: bytes, /) -> None:
        """Give the worker bytes."""
        self._message({"bytes": base64.b64encode(data).decode()})

    def ending(self) -> str | None:
        """How the worker's process ended."""
        said = f" and said: {self._said.strip()}" if self._said.strip() else ""
        return f"its process beside the kernel ended with exit code {self._code}{said}"

    def remove(self) -> None:
        """End the worker, and the kernel that was made for it."""
        self._gone.set()
        with suppress(Exception):  # foreign code: a socket that broke carries no farewell
            self._request("comm_close", {"comm_id": self._id, "data": {}})
        self._end()
        self._socket.close()

    def _beat(self) -> None:
        """Say again and again that somebody is here: a worker that nobody waits for ends."""
        with suppress(Exception):  # foreign code: a socket that broke is told by its reader
            while not self._gone.wait(_BEAT):
                self._message({})

    def _message(self, data: Mapping[str, Any]) -> None:
        self._request("comm_msg", {"comm_id": self._id, "data": data})

    def _request(self, kind: str, content: Mapping[str, Any]) -> None:
        header = {
            "msg_id": uuid.uuid4().hex, "username": "codeling", "session": self._session, "msg_type": kind,
            "version": "5.3",
        }  # fmt: skip
        parts = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "buffers": []}
        self._socket.send(json.dumps({**parts, "channel": "shell"}))
