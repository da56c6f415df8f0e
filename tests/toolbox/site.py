"""A small web site on loopback."""

from __future__ import annotations

import gzip
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ("Site",)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.hosts.append(self.headers["Host"])
        path = self.path.partition("?")[0]
        if path.startswith("/to/"):
            return self.answer(b"", status=302, headers={"Location": self.server.places[path[4:]]})
        if path == "/drip":
            return self.drip()
        if path == "/cut":
            return self.answer(b"only a part", headers={"Content-Length": "5000"})
        if path not in self.server.pages:
            return self.answer(b"nothing here", status=404)
        kind, body = self.server.pages[path]
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            return self.answer(gzip.compress(body), headers={"Content-Encoding": "gzip", "Content-Type": kind})
        return self.answer(body, headers={"Content-Type": kind})

    def do_POST(self) -> None:
        self.server.asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        kind, body = self.server.pages[self.path]
        self.answer(body, headers={"Content-Type": kind})

    def drip(self) -> None:
        """Send a byte now and then, for ever."""
        self.send_response(200)
        self.end_headers()
        while not self.server.closing.is_set():
            try:
                self.wfile.write(b".")
                self.wfile.flush()
            except OSError:
                return
            time.sleep(0.05)

    def answer(self, body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = "Content-Length" in (headers or {})  # where it promised more than it has

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Site(ThreadingHTTPServer):
    """Serves `pages` (a type and bytes for each path) and sends `/to/NAME` on to `places[NAME]`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.places: dict[str, str] = {}
        self.asked: list[str] = []
        self.hosts: list[str] = []
        self.closing = threading.Event()
        threading.Thread(target=lambda: self.serve_forever(0.05), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self.closing.set()
        self.shutdown()
        self.server_close()
