"""A server on loopback that misbehaves on demand."""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

__all__ = ("KEY", "Handler", "Loopback", "Step", "fails", "says", "streams")

KEY = "sk-loopback-0123456789abcdef"

Step: TypeAlias = "Callable[[Handler], None]"


class Handler(BaseHTTPRequestHandler):
    """Does what the next step says."""

    protocol_version = "HTTP/1.1"
    server: Loopback

    def setup(self) -> None:
        """Count the connection."""
        self.server.open += 1
        super().setup()

    def finish(self) -> None:
        """Count it no longer."""
        super().finish()
        self.server.open -= 1

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        self.server.paths.append(self.path)
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        steps = self.server.steps
        try:
            (steps.pop(0) if len(steps) > 1 else steps[0])(self)
        except OSError:
            self.server.left.set()
            raise

    def do_GET(self) -> None:
        self.answer({"object": "list", "data": [{"id": name, "object": "model"} for name in self.server.models]})

    def answer(self, body: object, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        fields = {"Content-Type": "application/json", "Content-Length": str(len(data))}
        for name, value in (fields | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def stream(self, chunks: list[object], *, cut: bool) -> None:
        lines = [f"data: {chunk if isinstance(chunk, str) else json.dumps(chunk)}\n\n".encode() for chunk in chunks]
        self.pour(lines, cut=cut)

    def pour(
        self, chunks: Iterable[bytes], *, kind: str = "text/event-stream", cut: bool = False, pause: float = 0
    ) -> None:
        """Answer in pieces, perhaps slowly, perhaps with the connection cut at their end."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for data in chunks:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
            time.sleep(pause)
        if cut:
            # A reset and not an orderly end, as when a server dies.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        else:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Loopback(ThreadingHTTPServer):
    """A server that does what its `steps` say, one a request, the last one for ever; `asked` holds the bodies."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.steps: list[Step] = []
        self.asked: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.models: list[str] = []
        self.open = 0
        """How many connections there are."""
        self.left = threading.Event()
        """Set once a client has gone away in the middle of an answer."""
        self.faults: list[BaseException] = []
        threading.Thread(target=lambda: self.serve_forever(0.05), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep what went wrong here; a client that hangs up in the middle is what some tests are about."""
        if not isinstance(fault := sys.exc_info()[1], OSError) and fault is not None:
            self.faults.append(fault)


def says(content: str | None = "hello", *, finish: str = "stop", **message: Any) -> Step:
    """Answer with a chat completion."""
    usage = {
        "prompt_tokens": 11,
        "completion_tokens": 7,
        "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return lambda http: http.answer(
        {"id": "c", "object": "chat.completion", "created": 1, "model": "served", "choices": [choice], "usage": usage}
    )


def fails(status: int, message: str = "no", *, headers: dict[str, str] | None = None, **error: object) -> Step:
    """Answer with an error of the given status."""
    return lambda http: http.answer({"error": {"message": message, **error}}, status=status, headers=headers)


def streams(*deltas: dict[str, Any] | str, finish: str | None = "stop", cut: bool = False) -> Step:
    """Answer with a stream of deltas, and at its end the finish reason, unless it is cut."""
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "served"}
    chunks: list[object] = [
        delta if isinstance(delta, str) else {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    if not cut:
        chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        chunks.append({**base, "choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7}})
        chunks.append("[DONE]")
    return lambda http: http.stream(chunks, cut=cut)
