"""Pyodide's npm package, kept in `~/.cache/codeling-tests/pyodide`. `python -m tests.executors.pyodide_package` gets it beforehand."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "codeling-tests" / "pyodide"
VERSION = "314.0.7"


def prepare() -> tuple[str, str]:
    """Give its folder, or why there is none."""
    home = CACHE / VERSION / "node_modules" / "pyodide"
    if not (home / "pyodide.mjs").exists():
        if shutil.which("npm") is None:
            return "", "Pyodide comes by npm, which is not installed here"
        (CACHE / VERSION).mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--silent", "--no-save", "--prefix", str(CACHE / VERSION), f"pyodide@{VERSION}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return "", f"npm gave no Pyodide: {done.stderr.strip()[-300:]}"
    return str(home), ""


if __name__ == "__main__":
    print(" ".join(prepare()))
