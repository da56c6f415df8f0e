"""Programs in CPython compiled to WebAssembly, run by Deno: no Linux, no container, no account.

Covered: the program is in WebAssembly's own memory, and the Deno around it may read Pyodide's folder and
the given wheels, and nothing else: no other file, no network, no environment, no process. Not covered:
Deno's own faults and V8's; memory is bounded by WebAssembly's 4 GiB and by `memory`, time by an end of
the process. Threads and processes are not to be had there; numpy and its like only as wheels built for
Pyodide.
"""

from __future__ import annotations

import base64
import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

from ..errors import MissingDependency, SandboxError
from ..sandbox.bundle import modules
from ..sandbox.session import Connection, SessionLimits
from ..sandbox.starting import WireExecutor
from .command import Started
from .streams import FAR

__all__ = ("PyodideExecutor",)

_INSIDE = Path(__file__).parent / "beside"
_HOME = Path("~/.cache/codeling/pyodide")
_MAIN = """
import os, sys, types
for _name, _source in {sources!r}:
    _module = sys.modules[_name] = types.ModuleType(_name)
    _module.__file__ = "/codeling/" + _name + ".py"
    exec(compile(_source, _module.__file__, "exec"), _module.__dict__)
def _exit(code):
    import codeling_streams
    codeling_streams.exit(code)
    while True:
        codeling_streams.read(1)
os._exit = _exit
sys.modules["worker"].main(-1, -1)
"""


class PyodideExecutor(WireExecutor):
    """Runs programs in WebAssembly under Deno. Each session is a process of its own."""

    def __init__(
        self, *, pyodide: str | os.PathLike[str] | None = None, deno: str | None = None,
        packages: Sequence[str | os.PathLike[str]] = (), memory: int = 1 << 30, timeout: float = 30.0,
        output_limit: int = 1 << 20,
    ) -> None:  # fmt: skip
        """Set where Pyodide is and what is loaded.

        `pyodide` is the folder of its npm package, by default `CODELING_PYODIDE` or
        `~/.cache/codeling/pyodide/node_modules/pyodide`; `deno` is the program, by default the one that
        `codeling[pyodide]` installs. `packages` are wheels on this machine. `memory`, in bytes, is V8's
        heap without WebAssembly's own memory. `timeout` is in seconds of a program's own running.
        """
        self._pyodide, self._deno, self._memory = pyodide, deno, memory
        self._packages = [str(Path(path).resolve()) for path in packages]
        self._limits = SessionLimits(timeout=timeout, output=output_limit, start=120.0, grace=FAR)

    def _spawn(self) -> Connection:
        deno, home = self._program(), self._home()
        for path in self._packages:
            if not Path(path).is_file():
                raise SandboxError(f"there is no wheel {path!r}: packages= names wheels on this machine")
        readable = ",".join([str(home), str(_INSIDE), *self._packages])
        command = [
            deno, "run", "--no-prompt", "--no-remote", "--no-config", "--no-lock", "--cached-only", "--quiet",
            f"--allow-read={readable}", f"--v8-flags=--max-old-space-size={self._memory >> 20}",
            str(_INSIDE / "main.mjs"), str(home / "pyodide.mjs"), *self._packages,
        ]  # fmt: skip
        wire = (_INSIDE / "wasm.py").read_text(encoding="utf-8")
        main = _MAIN.format(sources=[(name, wire if name == "wire" else text) for name, text in modules()])
        packed = base64.b64encode(zlib.compress(main.encode(), 9)).decode()  # which fits into a pipe, read or not
        source = f"import base64, zlib\nexec(zlib.decompress(base64.b64decode({packed!r})))".encode()
        environment = {"DENO_NO_UPDATE_CHECK": "1", "DENO_DIR": os.devnull, "NO_COLOR": "1", "HOME": str(_INSIDE)}
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise SandboxError(f"Deno at {deno!r} cannot be started: {error.strerror}") from error
        return Started(process, struct.pack("<I", len(source)) + source, "wasm")

    def _program(self) -> str:
        beside = Path(sys.executable).parent / "deno"
        found = self._deno or (str(beside) if beside.exists() else shutil.which("deno"))
        if found is None:
            raise MissingDependency("PyodideExecutor needs Deno: pip install 'codeling[pyodide]'")
        return found

    def _home(self) -> Path:
        given = self._pyodide or os.environ.get("CODELING_PYODIDE")
        home = Path(given) if given else _HOME.expanduser() / "node_modules" / "pyodide"
        if not (home / "pyodide.mjs").exists():
            raise MissingDependency(
                f"there is no Pyodide in {str(home)!r}: npm install --prefix {_HOME} pyodide@314, or say where its npm "
                "package is with pyodide= or CODELING_PYODIDE"
            )
        return home.resolve()
