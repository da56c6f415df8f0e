"""Runs the tests on each of CPython 3.11, 3.12 and 3.13 that this machine has, each in its own environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13")
ROOT = Path(__file__).parent.parent


def find(version: str) -> str | None:
    """Give an interpreter of this version: on the path, or in pyenv's folder."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)]
    for candidate in [*found, shutil.which(f"python{version}")]:
        if candidate and _version(candidate) == version:
            return candidate
    return None


def _version(python: str) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def main() -> int:
    """Say which interpreters there are and run the suite on each; fails if it fails on one."""
    failed = []
    for version in VERSIONS:
        python = find(version)
        if python is None:
            print(f"CPython {version}: not on this machine", flush=True)
            continue
        print(f"CPython {version}: {python}", flush=True)
        venv = ROOT / ".venvs" / version
        pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        if not (venv / "bin" / "python").exists():
            subprocess.run([python, "-m", "venv", str(venv)], check=True)
            subprocess.run([*pip, "--upgrade", "pip"], check=True)
        subprocess.run([*pip, "--requirement", str(ROOT / "requirements" / "dev.txt")], check=True)
        subprocess.run([*pip, "--no-deps", "--editable", str(ROOT)], check=True)
        tests = subprocess.run(
            [str(venv / "bin" / "python"), "-m", "pytest", "-q", *sys.argv[1:]], cwd=ROOT, check=False
        )
        if tests.returncode:
            failed.append(version)
    print(f"failed on {', '.join(failed)}" if failed else "passed wherever it ran")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
