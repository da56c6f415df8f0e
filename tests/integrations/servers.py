"""MCP servers for tests: real ones of others, and processes on loopback that end with the test."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts import services

__all__ = ("HERE", "MODERN", "free_port", "listening", "plain", "require_services")

HERE = Path(__file__).parent
MODERN = [sys.executable, str(HERE / "modern_server.py")]


def plain(folder: Path) -> list[str]:
    """The command of the server that needs no library."""
    return [sys.executable, "-I", str(HERE / "plain_server.py"), str(folder)]


def require_services() -> None:
    """Have the foreign servers installed; skip where that cannot be done, with the reason."""
    try:
        services.install()
    except OSError as error:
        pytest.skip(f"not installed: {', '.join(services.missing())}: {error}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


@contextmanager
def listening(command: Sequence[str], port: int, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the end of the block; begins when the port answers."""
    import os

    process = subprocess.Popen(
        command,
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, "the server ended"
                time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()
