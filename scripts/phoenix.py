"""Install the Phoenix server, which the tests of tracing send to, into an environment of its own; once.

    python scripts/phoenix.py

It is 625 MB and has its own needs, so it does not belong to the project's environment. It is put into
the user's cache folder, below `codeling-tests`, or where CODELING_TEST_CACHE says. Prints its command.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

__all__ = ("command", "folder")

WANTED = "arize-phoenix>=20,<21"


def folder() -> Path:
    """Give the folder of things that tests need and that are too large for the checkout."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("CODELING_TEST_CACHE") or cache / "codeling-tests")


def command() -> Path:
    """Give where Phoenix's command is, or would be."""
    return folder() / "phoenix" / "bin" / "phoenix"


def install() -> None:
    """Make the environment; what is there already is kept."""
    if command().exists():
        return
    print("Installing Phoenix for the tests (once; 625 MB)", file=sys.stderr)
    home = command().parents[1]
    venv.create(home, with_pip=True)
    subprocess.run([home / "bin" / "python", "-m", "pip", "install", "--quiet", WANTED], check=True)


if __name__ == "__main__":
    install()
    print(command())
