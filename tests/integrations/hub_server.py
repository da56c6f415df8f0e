"""A loopback Hub that gives files of Spaces as the real client asks for them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def serve(spaces: Mapping[str, str]) -> ThreadingHTTPServer:
    """Serve `tool.py` of each Space, until `shutdown` is called."""

    class Handler(BaseHTTPRequestHandler):
        """Answers HEAD and GET of `/spaces/OWNER/NAME/resolve/REVISION/FILE`."""

        def do_GET(self) -> None:
            """Give a file, or the Hub's errors."""
            _, _, owner, name, _, _, file = self.path.split("/", 6)
            source = spaces.get(f"{owner}/{name}")
            error = "RepoNotFound" if source is None else "" if file == "tool.py" and source else "EntryNotFound"
            data = b"" if error else (source or "").encode()
            self.send_response(404 if error else 200)
            if error:
                self.send_header("X-Error-Code", error)
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", "c" * 40)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
