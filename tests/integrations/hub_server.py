"""A Hub on loopback that speaks what the real client asks: repositories, files, commits, collections, Spaces."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

__all__ = ("Hub", "serve")

_REPO = re.compile(r"/api/spaces/([^/]+/[^/]+)(?:/(.*))?")
_FILE = re.compile(r"/spaces/([^/]+/[^/]+)/resolve/[^/]+/(.+)")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_GET(self) -> None:
        """Answer every method by its path."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append((self.command, path, self.headers.get("Authorization")))
        if match := _FILE.fullmatch(path):
            return self.give_file(match[1], match[2])
        if match := _REPO.fullmatch(path):
            return self.repo(match[1], match[2] or "", body)
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if path.startswith("/api/collections/") and path[17:] in self.server.collections:
            return self.answer(self.server.collection(path[17:]))
        known = {
            "/api/whoami-v2": {"name": "acme", "type": "user"},
            "/api/validate-yaml": {"errors": [], "warnings": []},
        }
        return self.answer(known.get(path, {"error": "not found"}), status=200 if path in known else 404)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def create(self, asked: Mapping[str, Any]) -> None:
        """Make a Space, or say that it is there."""
        name = f"{asked.get('organization') or 'acme'}/{asked['name']}"
        if self.server.refuse:
            return self.answer({"error": self.server.refuse}, status=403)
        there = name in self.server.spaces
        self.server.spaces.setdefault(name, {})
        return self.answer({"url": f"{self.server.url}/spaces/{name}", "id": "1"}, status=409 if there else 200)

    def repo(self, name: str, rest: str, body: bytes) -> None:
        """Answer about one Space."""
        files = self.server.spaces.get(name)
        wanted = self.server.private.get(name)
        if files is None or (wanted and self.headers.get("Authorization") != f"Bearer {wanted}"):
            return self.missing("RepoNotFound")
        if rest.startswith("preupload/"):
            asked = json.loads(body)["files"]
            modes = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in asked]
            return self.answer({"files": modes})
        if rest.startswith("commit/"):
            return self.commit(name, files, body)
        if rest.startswith("tree/"):
            return self.answer(
                [
                    {"type": "file", "path": path, "size": len(data), "oid": _digest(data)}
                    for path, data in files.items()
                ]
            )
        runtime = {"stage": "RUNNING", "hardware": {"current": "cpu-basic", "requested": "cpu-basic"}, "storage": None,
                   "gcTimeout": None}  # fmt: skip
        if rest == "runtime":
            return self.answer(runtime)
        if rest and not rest.startswith("revision/"):
            return self.answer({"error": "not here"}, status=404)
        host = self.server.hosts.get(name, "")
        siblings = [{"rfilename": path} for path in files]
        info = {"_id": "1", "id": name, "sha": self.server.commit_of(name), "private": False, "tags": [],
                "siblings": siblings, "sdk": "gradio", "host": host, "subdomain": "x", "runtime": runtime}  # fmt: skip
        return self.answer(info)

    def commit(self, name: str, files: dict[str, bytes], body: bytes) -> None:
        """Take a commit's lines."""
        for line in body.decode().splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
        oid = self.server.commit_of(name)
        self.answer(
            {"success": True, "commitOid": oid, "commitUrl": f"{self.server.url}/{name}/commit/{oid}", "hookOutput": ""}
        )

    def give_file(self, name: str, path: str) -> None:
        """Give a file, or the Hub's errors."""
        files, wanted = self.server.spaces.get(name), self.server.private.get(name)
        if files is None or (wanted and self.headers.get("Authorization") != f"Bearer {wanted}"):
            return self.missing("RepoNotFound")
        if path not in files:
            return self.missing("EntryNotFound")
        headers = {"ETag": f'"{_digest(files[path])}"', "X-Repo-Commit": self.server.commit_of(name)}
        return self.answer(files[path], headers=headers)

    def missing(self, why: str) -> None:
        self.answer({"error": why}, status=404, headers={"X-Error-Code": why})

    def answer(self, body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = {} if isinstance(body, bytes) else {"Content-Type": "application/json"}
        self.send_response(status)
        for key, value in {**kind, "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Hub(ThreadingHTTPServer):
    """Holds Spaces as files by path; `hosts` says where a Space's app runs, `private` which token it wants."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spaces: dict[str, dict[str, bytes]] = {}
        self.collections: dict[str, list[tuple[str, str]]] = {}
        self.hosts: dict[str, str] = {}
        self.private: dict[str, str] = {}
        self.refuse = ""
        self.asked: list[tuple[str, str, str | None]] = []
        threading.Thread(target=lambda: self.serve_forever(0.05), daemon=True).start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def commit_of(self, name: str) -> str:
        """The commit that a Space is at."""
        files = self.spaces[name]
        return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()

    def collection(self, slug: str) -> dict[str, Any]:
        """What the Hub says of a collection."""
        items = [
            {"_id": str(number), "type": kind, "id": item, "position": number, "repoType": kind, "author": "acme"}
            for number, (kind, item) in enumerate(self.collections[slug])
        ]
        return {"slug": slug, "title": "Tools", "owner": {"name": "acme"}, "items": items, "position": 0, "private": False,
                "theme": "orange", "upvotes": 0, "lastUpdated": "2026-01-01T00:00:00.000Z"}  # fmt: skip

    def close(self) -> None:
        """Stop serving."""
        self.shutdown()
        self.server_close()


def serve(spaces: Mapping[str, str]) -> Hub:
    """Serve `tool.py` of each Space; an empty text is a Space without the file."""
    hub = Hub()
    for name, source in spaces.items():
        hub.spaces[name] = {"tool.py": source.encode()} if source else {}
    return hub


def _digest(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
