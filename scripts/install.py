"""Gets the real services that tests start and talk to: `python -m scripts.install`. Quick where all is there.

System packages need root and apt-get; without them, what is missing is named, and the tests that need it
say so and are skipped. All else goes into a folder of the user's cache.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PROGRAMS = {
    "chromium": ("chromium",),
    "espeak-ng": ("espeak-ng",),
    "node": ("nodejs",),
    "npm": ("npm",),
    "podman": ("podman", "runc"),
    "runc": ("runc",),
    "sshd": ("openssh-server",),
    "initdb": ("postgresql",),
}
"""Programs that tests start, and the Debian packages that have them."""
PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


def main() -> int:
    """Install what is missing, saying what and how long it took; names what cannot be had."""
    failed = [name for name, part in _parts().items() if not _done(name, part)]
    if failed:
        print(f"not to be had here: {', '.join(failed)}; the tests that need them are skipped", file=sys.stderr)
    return 0


def _parts() -> dict[str, Callable[[], object]]:
    from scripts import engines, phoenix, services, whisper
    from tests.executors import podman, pyodide_package

    return {
        "system packages": packages,
        "MCP servers": services.install,
        "Phoenix": phoenix.install,
        "MLX": lambda: engines.install("mlx"),
        "Whisper's smallest weights": whisper.install,
        "an image for Podman": lambda: podman.missing() or podman.prepare(),
        "Pyodide": pyodide_package.prepare,
    }


def packages() -> None:
    """Install the system packages that are missing. Raises `OSError` where that cannot be done."""
    wanted = sorted({name for program, names in PROGRAMS.items() if not _has(program) for name in names})
    if not wanted:
        return
    if os.getuid() != 0 or not shutil.which("apt-get"):
        raise OSError(f"install these as root: apt-get install {' '.join(wanted)}")
    print(f"  installing {', '.join(wanted)} (once)", file=sys.stderr, flush=True)
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if subprocess.run(install, capture_output=True, env=env, check=False).returncode:
        subprocess.run(["apt-get", "update", "-qq"], capture_output=True, env=env, check=False)
        done = subprocess.run(install, capture_output=True, text=True, env=env, check=False)
        if done.returncode:
            raise OSError(done.stderr.strip()[-1000:])


def _has(program: str) -> bool:
    if program == "initdb" and any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        return True
    return shutil.which(program, path=PATH) is not None


def _done(name: str, part: Callable[[], object]) -> bool:
    since = time.monotonic()
    try:
        part()
    except (OSError, subprocess.SubprocessError) as error:
        print(f"  {name}: {error}", file=sys.stderr)
        return False
    seconds = time.monotonic() - since
    if seconds > 2:
        print(f"  {name}: ready after {seconds:.0f} s", file=sys.stderr, flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
