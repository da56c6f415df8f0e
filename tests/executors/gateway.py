"""A real kernel gateway on a port of this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOKEN = "tests-token"


@contextmanager
def service(folder: Path) -> Iterator[str]:
    """Serve while the context lasts. Gives the address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "kernel_gateway", "--KernelGatewayApp.ip=127.0.0.1", f"--KernelGatewayApp.port={port}",
        f"--KernelGatewayApp.auth_token={TOKEN}", "--KernelGatewayApp.port_retries=0",
        "--JupyterWebsocketPersonality.list_kernels=True",
    ]  # fmt: skip
    home = {
        name: str(folder) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **home}, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(3000):
            assert process.poll() is None, (folder / "gateway.log").read_text(errors="replace")[-2000:]
            try:
                urllib.request.urlopen(
                    urllib.request.Request(f"{url}/api", headers={"Authorization": f"token {TOKEN}"})
                ).close()
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()
