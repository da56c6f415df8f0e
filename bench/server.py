"""One llama.cpp server on loopback, in a child process, for every agent of the bench.

The child listens on a free port, says its address in one line, and ends when its standard input is
closed, so that a bench that was killed leaves no server behind.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ("CONTEXT", "cpu_seconds", "serving")

CONTEXT = 8192


@contextmanager
def serving(weights: Path, *, threads: int) -> Iterator[tuple[str, int]]:
    """Serve a GGUF file; give the base URL of its OpenAI-compatible API and the server's process id."""
    command = [sys.executable, "-m", "bench.server", str(weights), str(threads)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().strip() if process.stdout else ""
        if not address:
            raise RuntimeError(f"the server of {weights.name!r} did not start; its own words are above")
        try:
            yield f"{address}/v1", process.pid
        finally:
            if process.stdin:
                process.stdin.close()


def cpu_seconds(process: int) -> float | None:
    """Say how much processor time a process has used, where the system tells (Linux)."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _serve(weights: str, threads: int) -> None:
    import xllamacpp  # type: ignore[import-untyped]  # only the child that serves needs it

    params = xllamacpp.CommonParams()
    params.model.path = weights
    params.model_alias = {"local"}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.use_jinja = True
    params.offline = True
    params.verbosity = -1
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
