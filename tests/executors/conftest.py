"""Places where programs run, each started when the first test needs it: real services and loopback vendors."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from codeling import (
    BlaxelExecutor,
    CommandExecutor,
    DaytonaExecutor,
    DockerExecutor,
    E2BExecutor,
    JupyterExecutor,
    ModalExecutor,
    MontyExecutor,
    PyodideExecutor,
    SandboxExecutor,
    SSHExecutor,
    UnsafeLocalExecutor,
)

from ..walls import need
from . import e2b_server, gateway, modal_server, podman, pyodide_package, sshd, web_server

Make = Callable[..., Any]


@contextmanager
def environment(**wanted: str) -> Iterator[None]:
    """Set variables while the context lasts."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@cache
def pythons() -> dict[str, str]:
    """Interpreters of versions other than ours that this machine has, by version."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {".".join(path.parts[-3].split(".")[:2]): str(path) for path in sorted(versions.glob("3.*/bin/python"))}
    ours = f"{sys.version_info[0]}.{sys.version_info[1]}"
    works = {
        n: p
        for n, p in found.items()
        if subprocess.run([p, "-c", ""], capture_output=True, check=False).returncode == 0
    }
    return {name: path for name, path in works.items() if int(name[2:]) >= 8 and name != ours}


def until(holds: Callable[[], bool], seconds: float = 120.0) -> bool:
    """Wait for what happens beside the test."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


@pytest.fixture(scope="session")
def docker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Docker's API, served by Podman."""
    if why := podman.missing():
        pytest.skip(why)
    with podman.service(tmp_path_factory.mktemp("podman")) as url:
        yield url


@pytest.fixture(scope="session")
def e2b() -> Iterator[e2b_server.Server]:
    """A loopback E2B that the SDK is pointed at."""
    server = e2b_server.Server()
    with environment(E2B_API_URL=server.url, E2B_SANDBOX_URL=server.url, E2B_HTTP_VERSION="1.1"):
        yield server
    server.close()


@pytest.fixture(scope="session")
def modal() -> Iterator[modal_server.Server]:
    """A loopback Modal that the SDK is pointed at."""
    server = modal_server.Server()
    with environment(MODAL_SERVER_URL=server.url):
        yield server
    server.close()


@pytest.fixture(scope="session")
def blaxel() -> Iterator[web_server.Blaxel]:
    """A loopback Blaxel that the SDK is pointed at."""
    server = web_server.Blaxel()
    with environment(BL_API_KEY=web_server.BLAXEL_KEY, BL_WORKSPACE="tests", DO_NOT_TRACK="1"):
        from blaxel.core.client.client import client

        client._base_url = f"{server.url}/v0"  # the SDK has no setting for it
        yield server
    server.close()


@pytest.fixture(scope="session")
def daytona() -> Iterator[web_server.Daytona]:
    """A loopback Daytona."""
    server = web_server.Daytona()
    yield server
    server.close()


@pytest.fixture(scope="session")
def ssh_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Host]:
    """An sshd of this machine."""
    if why := sshd.missing():
        pytest.skip(why)
    with sshd.service(tmp_path_factory.mktemp("sshd")) as host:
        yield host


@pytest.fixture(scope="session")
def jupyter_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A kernel gateway."""
    with gateway.service(tmp_path_factory.mktemp("jupyter")) as url:
        yield url


@pytest.fixture(scope="session")
def kernel(jupyter_url: str) -> str:
    """A kernel that runs already."""
    made = JupyterExecutor(jupyter_url, token=gateway.TOKEN)._ask("POST", "/api/kernels", {"name": "python3"})
    return str(made["id"])


@pytest.fixture(scope="session")
def pyodide_home() -> str:
    """Pyodide's npm package."""
    home, why = pyodide_package.prepare()
    if why:
        pytest.skip(why)
    return home


def _sandbox(isolation: Any) -> Make:
    need(isolation)
    return lambda **options: SandboxExecutor(isolation=isolation, **options)


def _warm(request: pytest.FixtureRequest) -> Make:
    kept = {}

    def make(**options: Any) -> DockerExecutor:
        url = request.getfixturevalue("docker_url")
        kept[0] = DockerExecutor(podman.image_name(), base_url=url, warm=True, **options)
        return kept[0]

    return make


def _docker(request: pytest.FixtureRequest) -> Make:
    url = request.getfixturevalue("docker_url")
    return lambda **options: DockerExecutor(podman.image_name(), base_url=url, **options)


def _e2b(request: pytest.FixtureRequest) -> Make:
    request.getfixturevalue("e2b")
    return lambda **options: E2BExecutor(**{"api_key": e2b_server.KEY, "python": sys.executable, **options})


def _modal(request: pytest.FixtureRequest) -> Make:
    request.getfixturevalue("modal")
    token = dict(zip(("token_id", "token_secret"), modal_server.TOKEN, strict=True))
    return lambda **options: ModalExecutor(**{**token, "python": sys.executable, **options})


def _blaxel(request: pytest.FixtureRequest) -> Make:
    request.getfixturevalue("blaxel")
    return lambda **options: BlaxelExecutor(**{"region": "us-pdx-1", "python": sys.executable, **options})


def _daytona(request: pytest.FixtureRequest) -> Make:
    url = f"{request.getfixturevalue('daytona').url}/api"
    given = {"api_key": web_server.DAYTONA_KEY, "api_url": url, "python": sys.executable}
    return lambda **options: DaytonaExecutor(**{**given, **options})


def _ssh(request: pytest.FixtureRequest) -> Make:
    host = request.getfixturevalue("ssh_host")
    given = {"port": host.port, "options": host.options, "python": sys.executable}
    return lambda **options: SSHExecutor("127.0.0.1", **{**given, **options})


def _jupyter(request: pytest.FixtureRequest) -> Make:
    url, kernel = request.getfixturevalue("jupyter_url"), request.getfixturevalue("kernel")
    return lambda **options: JupyterExecutor(url, **{"token": gateway.TOKEN, "kernel_id": kernel, **options})


def _pyodide(request: pytest.FixtureRequest) -> Make:
    home = request.getfixturevalue("pyodide_home")
    return lambda **options: PyodideExecutor(**{"pyodide": home, **options})


KINDS: dict[str, Callable[[pytest.FixtureRequest], Make]] = {
    "sandbox-full": lambda request: _sandbox("full"),
    "sandbox-strong": lambda request: _sandbox("strong"),
    "unsafe-local": lambda request: UnsafeLocalExecutor,
    "command": lambda request: lambda **options: CommandExecutor([sys.executable], **options),
    "ssh": _ssh, "docker": _docker, "docker-warm": _warm, "e2b": _e2b, "modal": _modal, "blaxel": _blaxel,
    "daytona": _daytona, "jupyter": _jupyter, "monty": lambda request: MontyExecutor,
}  # fmt: skip
"""Every kind that starts quickly enough to be started for each test."""


LACKS: dict[str, dict[str, str]] = {
    "monty": {
        "handles": "a value of Monty is data: what is none cannot cross, and the program is told",
        "threads": "Monty has no threads and no `concurrent.futures`",
        "interrupts": "a program that Monty stops loses its variables, and none can end the process: test_monty.py",
    },
    "pyodide": {
        "threads": "CPython in WebAssembly starts none: test_in_webassembly",
        "interrupts": "it takes seconds to start, so one session shows all: test_in_webassembly",
    },
}
"""What a kind does not do of what the others do, and why. All other cases run on every kind."""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind in turn."""
    return str(request.param)


@pytest.fixture
def make(kind: str, request: pytest.FixtureRequest) -> Make:
    """Each executor in turn, as a function of its options."""
    return KINDS[kind](request)


@pytest.fixture
def make_kind(request: pytest.FixtureRequest) -> Callable[[str], Make]:
    """Give the function that makes executors of a kind."""
    return lambda kind: _pyodide(request) if kind == "pyodide" else KINDS[kind](request)
