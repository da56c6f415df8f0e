"""Virtual environments for sandboxes: built once for each interpreter and set of packages, then kept.

What a program can import is then what was asked for, not what this machine happens to have.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import SandboxError, UsageError

__all__ = ("environment",)

_READY = ".codeling-ready"


def environment(packages: Sequence[str], *, python: str = sys.executable) -> str:
    """Give the interpreter of an environment with these packages, building it when it is asked for first.

    `packages` are requirements as pip takes them. An environment is found again by its interpreter and
    its sorted requirements; it is not renewed: remove its folder for that. Two processes that want the
    same one build it once. Raises `UsageError` for what is no requirement, `SandboxError` where the
    packages cannot be installed.
    """
    for package in packages:
        if not package.strip() or package.strip().startswith("-"):
            raise UsageError(f"packages= takes requirements such as 'numpy' or 'pandas==2.2'; {package!r} is none")
    base = _cache()
    base.mkdir(parents=True, exist_ok=True)
    folder = base / _key(packages, python)
    made = folder / "bin" / "python"
    if (folder / _READY).exists():
        return str(made)
    with open(f"{folder}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / _READY).exists():
            shutil.rmtree(folder, ignore_errors=True)  # what a build that was broken off has left
            _build(folder, packages, python)
            (folder / _READY).write_text("\n".join(sorted(packages)), encoding="utf-8")
    return str(made)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "codeling" / "environments"


def _key(packages: Sequence[str], python: str) -> str:
    code = "import sys, sysconfig; print(sys.version, sys.base_prefix, sysconfig.get_platform())"
    interpreter = _run([python, "-I", "-c", code], "the interpreter cannot be run")
    text = json.dumps([interpreter, sorted(package.strip() for package in packages)])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _build(folder: Path, packages: Sequence[str], python: str) -> None:
    sys.stderr.write(f"codeling: installing {', '.join(sorted(packages))} for the sandbox (once)\n")
    made = str(folder / "bin" / "python")
    if uv := shutil.which("uv"):
        _run([uv, "venv", "--quiet", "--python", python, str(folder)], "no virtual environment could be made")
        _run([uv, "pip", "install", "--quiet", "--python", made, *packages], "the packages could not be installed")
        return
    _run([python, "-m", "venv", str(folder)], "no virtual environment could be made (Debian: apt install python3-venv)")
    pip = [made, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, *packages], "the packages could not be installed")


def _run(command: list[str], failure: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise SandboxError(f"{failure}: {command[0]!r}: {error.strerror}") from error
    if done.returncode:
        raise SandboxError(f"{failure}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout.strip()
