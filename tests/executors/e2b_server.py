"""A loopback server that speaks E2B's wire to the vendor's own SDK. Its sandboxes really run their commands, here.

It tests our use of the SDK and the shape of the wire as the SDK's own generated code has it, not E2B's servers.
"""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from e2b.envd.process import process_pb as pb
from e2b.envd.process.process_connect import ProcessSync, ProcessWSGIApplication
from protobuf import Oneof

KEY = "e2b_key"


class Commands(ProcessSync):
    """Runs commands as child processes."""

    def __init__(self) -> None:
        self.running: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, request: Any, ctx: Any, /) -> Iterator[Any]:
        """Start a command and give its output as it comes."""
        process = subprocess.Popen(
            [request.process.cmd.replace("/bin/bash", "/bin/sh"), *[a for a in request.process.args if a != "-l"]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, start_new_session=True,
        )  # fmt: skip
        self.running[process.pid] = process
        yield self._event("start", pb.ProcessEvent.StartEvent(pid=process.pid))
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stderr is not None
        while chunk := process.stdout.read(1 << 16):
            output: Any = Oneof("stdout", chunk)
            yield self._event("data", pb.ProcessEvent.DataEvent(output=output))
        said: Any = Oneof("stderr", process.stderr.read())
        yield self._event("data", pb.ProcessEvent.DataEvent(output=said))
        code = process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()
        yield self._event("end", pb.ProcessEvent.EndEvent(exit_code=code, exited=True, status=f"exit {code}"))

    def send_input(self, request: Any, ctx: Any, /) -> Any:
        """Write to a command's input."""
        process = self.running[request.process.selector.value]
        assert process.stdin is not None
        process.stdin.write(request.input.input.value)
        return pb.SendInputResponse()

    def stop(self) -> None:
        """End every command."""
        for process in self.running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    @staticmethod
    def _event(name: str, value: Any) -> Any:
        event: Any = Oneof(name, value)
        return pb.StartResponse(event=pb.ProcessEvent(event=event))


class Server:
    """The control plane and the sandboxes' own service on one port."""

    def __init__(self) -> None:
        self.commands = Commands()
        self.created: list[dict[str, Any]] = []
        self.removed: list[str] = []
        self.quota_spent = False
        self._commands_app = ProcessWSGIApplication(self.commands)
        self._server = make_server("127.0.0.1", 0, self._app, _Threads, _Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop the server and its sandboxes."""
        self.commands.stop()
        self._server.shutdown()
        self._server.server_close()

    def kill_sandboxes(self) -> None:
        """End what runs in the sandboxes, as a machine that fails would."""
        self.commands.stop()

    def cut_streams(self) -> None:
        """Break every connection, as a network that fails would; what runs in the sandboxes goes on."""
        for connection in self._server.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        body = _body(environ)
        environ.update({"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})
        if path.startswith("/process.Process/"):
            return self._commands_app(environ, start_response)
        if environ.get("HTTP_X_API_KEY") != KEY:
            return _json(start_response, "401 Unauthorized", {"code": 401, "message": "Invalid API key"})
        if path.endswith("/sandboxes") and method == "POST":
            if self.quota_spent:
                return _json(start_response, "403 Forbidden", {"code": 403, "message": "the quota is spent"})
            self.created.append(json.loads(body))
            made = {
                "sandboxID": f"box{len(self.created)}",
                "templateID": "base",
                "clientID": "c",
                "envdVersion": "0.5.0",
            }
            return _json(start_response, "201 Created", {**made, "envdAccessToken": "token", "domain": None})
        if "/sandboxes/" in path and method == "DELETE":
            self.removed.append(path.rpartition("/")[2])
            self.commands.stop()
            return _json(start_response, "204 No Content", None)
        return _json(start_response, "404 Not Found", {"code": 404, "message": path})


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.connections: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection, and keep it to be cut."""
        made, address = super().get_request()
        self.connections.append(made)
        return made, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: connections are cut on purpose."""


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _body(environ: dict[str, Any]) -> bytes:
    """Read a request's body, in chunks or of a known length."""
    stream = environ["wsgi.input"]
    if environ.get("HTTP_TRANSFER_ENCODING") != "chunked":
        return bytes(stream.read(int(environ.get("CONTENT_LENGTH") or 0)))
    body = b""
    while size := int(stream.readline(), 16):
        body += stream.read(size)
        stream.readline()
    stream.readline()
    return body


def _json(start_response: Any, status: str, body: Any) -> Iterable[bytes]:
    data = b"" if body is None else json.dumps(body).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(data)))])
    return [data]
