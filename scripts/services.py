"""Installs the foreign servers that tests talk to, outside of the checkout: `python scripts/services.py`.

Idempotent and quick where all is there. `python scripts/services.py --where` prints the folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

NODE = {
    "@modelcontextprotocol/server-everything": "2026.8.31",
    "@modelcontextprotocol/server-filesystem": "2026.8.31",
    "@modelcontextprotocol/server-memory": "2026.8.31",
}
MCP1 = ("mcp-server-sqlite==2025.4.25", "mcp==1.30.0")
"""A server of the handshake era: it breaks with version 2 of the SDK and has an environment of its own."""


def folder() -> Path:
    """Give the folder that services are installed into."""
    return Path(os.environ.get("CODELING_TESTS", "~/.cache/codeling-tests")).expanduser()


def everything(transport: str = "stdio") -> list[str]:
    """Give the command of the reference server that uses all of the protocol."""
    return ["node", str(_module("server-everything")), transport]


def filesystem(*roots: Path) -> list[str]:
    """Give the command of the file server for these folders."""
    return ["node", str(_module("server-filesystem")), *map(str, roots)]


def memory() -> list[str]:
    """Give the command of the knowledge graph server; MEMORY_FILE_PATH names its file."""
    return ["node", str(_module("server-memory"))]


def sqlite(database: Path) -> list[str]:
    """Give the command of the SQLite server, on version 1 of the SDK."""
    return [str(folder() / "mcp1" / "bin" / "mcp-server-sqlite"), "--db-path", str(database)]


def _module(name: str) -> Path:
    return folder() / "node" / "node_modules" / "@modelcontextprotocol" / name / "dist" / "index.js"


def missing() -> list[str]:
    """Say which services are not installed in the pinned versions."""
    return [part for part, there in (("node", _node_is_there()), ("mcp1", _mcp1_is_there())) if not there]


def _node_is_there() -> bool:
    for name, version in NODE.items():
        package = folder() / "node" / "node_modules" / name / "package.json"
        if not package.is_file() or json.loads(package.read_text())["version"] != version:
            return False
    return shutil.which("node") is not None


def _mcp1_is_there() -> bool:
    note = folder() / "mcp1" / "installed.txt"
    return note.is_file() and note.read_text() == repr(MCP1)


def install() -> None:
    """Install what is missing. Raises OSError where that fails."""
    if not _node_is_there():
        home = folder() / "node"
        home.mkdir(parents=True, exist_ok=True)
        wanted = [f"{name}@{version}" for name, version in NODE.items()]
        run = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(home), *wanted]
        _run(*run)
    if not _mcp1_is_there():
        home = folder() / "mcp1"
        _run(sys.executable, "-m", "venv", "--clear", str(home))
        _run(str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", *MCP1)
        (home / "installed.txt").write_text(repr(MCP1))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)} failed: {done.stdout}{done.stderr}")


if __name__ == "__main__":
    if "--where" not in sys.argv:
        install()
    print(folder())
