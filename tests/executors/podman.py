"""Podman and runc serving Docker's API on a unix socket, and an image made of this machine's own Python.

Nothing is fetched from a registry of images: the image holds the interpreter that runs the tests, the libraries it
needs, a shell, and a folder of wheels. `python -m tests.executors.podman` prepares all of it beforehand; what is made
is kept in `~/.cache/codeling-tests/podman`. Where CODELING_TEST_DOCKER has the address of a daemon, such as Docker's
own at `unix:///var/run/docker.sock`, the tests use that one instead.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "codeling-tests" / "podman"
DAEMON = os.environ.get("CODELING_TEST_DOCKER", "")
_CHANGES = ["ENV PATH=/usr/local/bin:/bin", "ENV LANG=C.UTF-8"]
_CONF = """
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
netns = "none"
"""
_PIP_CONF = (
    "[global]\nno-index = true\nfind-links = /wheels\ndisable-pip-version-check = true\nroot-user-action = ignore\n"
)


@cache
def image_name() -> str:
    """The image's name: another interpreter or another version of this file makes another image."""
    key = hashlib.sha256(Path(__file__).read_bytes() + sys.version.encode()).hexdigest()[:12]
    return f"localhost/codeling-test:{key}"


def missing() -> str:
    """Why containers cannot be had here, or nothing. Installs what is missing where that is possible."""
    if DAEMON:
        return ""
    if not sys.platform.startswith("linux") or os.getuid() != 0:
        return "containers are tested on Linux as root: rootless Podman needs a cgroup of its own"
    wanted = [name for name in ("podman", "runc") if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")]
    if wanted and shutil.which("apt-get"):
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted]
        if subprocess.run(install, capture_output=True, check=False).returncode:
            subprocess.run(["apt-get", "update", "-qq"], capture_output=True, check=False)
            subprocess.run(install, capture_output=True, check=False)
    gone = [name for name in wanted if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")]
    return f"{' and '.join(gone)} cannot be installed here" if gone else ""


@contextmanager
def service(folder: Path) -> Iterator[str]:
    """Serve Docker's API while the context lasts. Gives its address."""
    if DAEMON:
        _give(DAEMON)
        yield DAEMON
        return
    prepare()
    address = folder / "podman.sock"
    with (folder / "podman.log").open("wb") as log:
        process = subprocess.Popen(
            [*_podman(), "system", "service", "--time=0", f"unix://{address}"], env=_env(), stdout=log, stderr=log,
            cwd=folder,  # where a container runs out of memory, its monitor leaves a file `oom` in the current folder
        )  # fmt: skip
    try:
        for _ in range(2400):
            if address.exists():
                break
            assert process.poll() is None, (folder / "podman.log").read_text(errors="replace")[-2000:]
            time.sleep(0.05)
        yield f"unix://{address}"
    finally:
        process.terminate()
        process.wait()


def prepare() -> str:
    """Make the image, unless it is there. Gives its name."""
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / "containers.conf").write_text(_CONF)
    name = image_name()
    if subprocess.run([*_podman(), "image", "exists", name], env=_env(), check=False).returncode:
        with tempfile.NamedTemporaryFile(suffix=".tar") as file:
            with tarfile.open(file.name, "w") as tar:
                _fill(tar)
            changes = [part for change in _CHANGES for part in ("-c", change)]
            command = [*_podman(), "import", "--quiet", *changes, file.name, name]
            subprocess.run(command, env=_env(), check=True, capture_output=True)
    return name


def _give(url: str) -> None:
    """Give a daemon the image, unless it has it."""
    import docker

    client = docker.APIClient(base_url=url)
    name, _, tag = image_name().rpartition(":")
    try:
        if not client.images(image_name()):
            with tempfile.NamedTemporaryFile(suffix=".tar") as file:
                with tarfile.open(file.name, "w") as tar:
                    _fill(tar)
                client.import_image_from_file(file.name, repository=name, tag=tag, changes=_CHANGES)
    finally:
        client.close()


def _podman() -> list[str]:
    return ["podman", "--root", str(CACHE / "root"), "--runroot", str(CACHE / "run"), "--log-level", "error"]


def _env() -> dict[str, str]:
    return {**os.environ, "CONTAINERS_CONF": str(CACHE / "containers.conf"), "PATH": f"{os.environ['PATH']}:/usr/sbin"}


def _fill(tar: tarfile.TarFile) -> None:
    """Put the interpreter, its standard library, a shell and the libraries of all three into the image."""
    python, version = Path(sys._base_executable).resolve(), f"python{sysconfig.get_python_version()}"  # type: ignore[attr-defined]  # CPython has it
    stdlib = Path(sysconfig.get_paths(vars={"base": sys.base_prefix, "installed_base": sys.base_prefix})["stdlib"])
    for folder in ("bin", "usr/local/bin", "usr/local/lib", "tmp", "etc", "proc", "dev", "sys", "run"):
        entry = tarfile.TarInfo(folder)
        entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
        tar.addfile(entry)
    tar.add(python, "usr/local/bin/python3")
    tar.add(stdlib, f"usr/local/lib/{version}", filter=_wanted)
    shell = Path("/bin/sh").resolve()
    tar.add(shell, "bin/sh")
    binaries = [python, shell, *(stdlib / "lib-dynload").glob("*.so")]
    for library in sorted({found for binary in binaries for found in _libraries(binary)}):
        tar.add(library.resolve(), str(library).lstrip("/"))
    _text(tar, "etc/passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    _text(tar, "etc/group", "root:x:0:\nnogroup:x:65534:\n")
    _text(tar, "etc/pip.conf", _PIP_CONF)
    _data(tar, "wheels/codeling_pears-1.0-py3-none-any.whl", _wheel())


def _wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    skipped = r"/(test|tests|idlelib|turtledemo|lib2to3|tkinter|config-[^/]*)(/|$)"
    if re.search(skipped, entry.name) and "/site-packages/pip/" not in entry.name:
        return None
    if "/site-packages/" in entry.name and not re.search(r"/site-packages/pip", entry.name):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _libraries(binary: Path) -> list[Path]:
    listed = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False).stdout
    return [Path(found) for found in re.findall(r"(?:=> )?(/\S+) \(0x", listed)]


def _text(tar: tarfile.TarFile, name: str, text: str) -> None:
    _data(tar, name, text.encode())


def _data(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o644
    tar.addfile(entry, io.BytesIO(data))


def _wheel() -> bytes:
    """A package to be installed into images."""
    made, info = io.BytesIO(), "codeling_pears-1.0.dist-info"
    with zipfile.ZipFile(made, "w") as wheel:
        wheel.writestr("codeling_pears.py", "COUNT = 12\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: codeling-pears\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", f"codeling_pears.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return made.getvalue()


if __name__ == "__main__":
    if why := missing():
        print(why)
    else:
        print(f"the tests' image is {prepare()}")
