"""The peer's own virtual environment, so that its versions never mix with ours. Made once, in the user's cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

__all__ = ("PEER", "ROOT", "cache", "peer_probe", "peer_python", "python_with")

PEER = ("smolagents==1.26.0", "openai", "numpy", "pandas")
ROOT = Path(__file__).parent.parent
"""Where `bench` can be imported from."""


def cache() -> Path:
    """Give the folder where the bench keeps what it may fetch again."""
    own = os.environ.get("CODELING_CACHE")
    user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return (Path(own) if own else Path(user) / "codeling") / "bench"


def python_with(name: str, *packages: str) -> Path:
    """Give a Python that has these packages, in an environment of its own that is made once."""
    place = cache() / f"{name}-py{sys.version_info.major}.{sys.version_info.minor}"
    python, ready = place / "bin" / "python", place / "ready"
    if not ready.exists():
        print(f"Installing {', '.join(packages)} into {place} (once) …", file=sys.stderr, flush=True)
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        ready.touch()
    return python


def peer_python() -> Path:
    """Give the Python that has smolagents, installing it first where that was not done yet."""
    return python_with("smolagents-1.26.0", *PEER)


def peer_probe(*arguments: str, program: str) -> Any:
    """Measure smolagents in a child process of its own; `bench/peer_probes.py` says what there is to measure."""
    command = [str(peer_python()), "-m", "bench.peer_probes", *arguments]
    done = subprocess.run(command, check=True, input=program, capture_output=True, text=True, cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1])
