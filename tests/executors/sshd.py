"""An sshd on a port of this machine, with keys of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_CONF = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """How a client reaches it."""

    port: int
    options: list[str]


def missing() -> str:
    """Why there is no sshd here, or nothing. Installs it where that is possible."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    if not shutil.which("sshd", path=path) and shutil.which("apt-get") and os.getuid() == 0:
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "openssh-server"]
        if subprocess.run(install, capture_output=True, check=False).returncode:
            subprocess.run(["apt-get", "update", "-qq"], capture_output=True, check=False)
            subprocess.run(install, capture_output=True, check=False)
    return "" if shutil.which("sshd", path=path) else "openssh-server cannot be installed here"


@contextmanager
def service(folder: Path) -> Iterator[Host]:
    """Serve while the context lasts."""
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "sshd_config").write_text(_CONF.format(port=port, folder=folder))
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin") or "sshd"
    with (folder / "sshd.log").open("wb") as log:
        process = subprocess.Popen([sshd, "-D", "-e", "-f", str(folder / "sshd_config")], stdout=log, stderr=log)
    (folder / "known").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    try:
        for _ in range(2400):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        known = ["-F", "none", "-o", f"UserKnownHostsFile={folder / 'known'}", "-o", "IdentitiesOnly=yes"]
        yield Host(port=port, options=[*known, "-i", str(folder / "key")])
    finally:
        process.terminate()
        process.wait()
