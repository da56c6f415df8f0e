"""Containers: what a hostile program reaches (nothing), what is left behind (nothing), and images that are built.

Docker's API is served by Podman with runc; the image holds this machine's own Python.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codeling import DockerExecutor, RunContinued, SandboxError, UsageError, tool
from codeling.executors.containers import LABEL, owner

from . import podman
from .conftest import until
from .helpers import run

pytestmark = pytest.mark.timeout(400)  # services and vendors' libraries start slowly on a busy machine
ATTACKS = """
import ctypes, os, socket
def tried(attempt):
    try:
        return repr(attempt())
    except BaseException as error:
        return 'held ' + type(error).__name__
print(tried(lambda: socket.create_connection(('127.0.0.1', {port}), 1)))
print(tried(lambda: socket.create_connection(('192.0.2.1', 80), 1)))
print(tried(lambda: open({canary!r}).read()))
print(tried(lambda: open('/usr/local/lib/here', 'w')))
print(tried(lambda: os.mknod('/tmp/disk', 0o60666, os.makedev(8, 0))))
print(tried(lambda: os.setuid(0)))
print(tried(lambda: os.chroot('/tmp')))
print(tried(lambda: os.listdir('/var/run')))
print(os.getuid(), [line for line in open('/proc/self/status') if line.startswith(('CapEff', 'NoNewPrivs'))])
"""
FORKS = """
import os, time
made = 0
try:
    while made < 500:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        made += 1
except OSError as error:
    print('held', type(error).__name__, made < 64)
"""
MEMORY = "import mmap\nm = mmap.mmap(-1, 600 << 20)\nfor i in range(0, len(m), 4096):\n    m[i] = 1"
ABANDONED = """
import asyncio, sys
from codeling import DockerExecutor
from codeling.protocols import SessionSpec
async def work():
    session = await DockerExecutor(sys.argv[1], base_url=sys.argv[2], warm=sys.argv[3] == 'warm').open(SessionSpec())
    print('open', flush=True)
    await session.run('while True: pass', step=1, on_call=None, on_output=print)
asyncio.run(work())
"""


@pytest.fixture
def client(docker_url: str) -> Iterator[Any]:
    """The vendor's client."""
    import docker

    made = docker.APIClient(base_url=docker_url)
    yield made
    made.close()


def containers(client: Any, pid: int | None = None) -> list[str]:
    """Those of a process that are there, by default of this one: other runs of the tests may have theirs at the same time."""
    found = client.containers(all=True, filters={"label": LABEL})
    return [one["Id"] for one in found if json.loads(one["Labels"][LABEL])["pid"] == (pid or os.getpid())]


@tool
def pause() -> None:
    """Wait for the other run."""
    BARRIER.wait(60)


BARRIER = threading.Barrier(2)


def test_hostile_programs_are_held(docker_url: str, tmp_path: Path) -> None:
    """No network, no host file, no root, no capability; forks and memory are bounded and the model is told."""
    canary = tmp_path / "canary"
    canary.write_text("secret")
    attacks = ATTACKS.format(port=22, canary=str(canary))
    executor = DockerExecutor(podman.image_name(), base_url=docker_url, memory=256 << 20)
    result = run(
        executor, attacks, "b = bytearray(400 << 20)", FORKS, MEMORY, "final_answer('x' in globals())",
        additional_authorized_imports=None,
    )  # fmt: skip

    *tried, status = result.steps[0].output.splitlines()
    assert all("held" in line for line in tried[:7]), tried
    assert "held" in tried[7] or tried[7] == "[]"
    assert status.startswith("65534") and "CapEff:\\t0000000000000000" in status and "NoNewPrivs:\\t1" in status
    assert "MemoryError" in (result.steps[1].error or "")
    assert "held BlockingIOError True" in result.steps[2].output
    assert result.steps[3].lost
    assert "more than its memory" in (result.steps[3].error or "")
    assert result.output is False


def test_limits_are_there_by_default(docker_url: str, client: Any) -> None:
    """Nobody has to ask for them: memory, processor, processes, open files; no network, no port, nothing to write to."""
    found: dict[str, Any] = {}

    @tool
    def look() -> None:
        """See what the daemon knows of the container."""
        [mine] = containers(client)
        found.update(client.inspect_container(mine))

    run(DockerExecutor(podman.image_name(), base_url=docker_url), "look()\nfinal_answer(1)", tools=[look])
    host = found["HostConfig"]

    assert (host["Memory"], host["NanoCpus"], host["PidsLimit"]) == (1 << 30, 1_000_000_000, 64)
    assert {limit["Name"].lower().removeprefix("rlimit_") for limit in host["Ulimits"]} >= {"nofile", "nproc"}
    assert (host["NetworkMode"], host["ReadonlyRootfs"], host["Privileged"]) == ("none", True, False)
    assert not host["PortBindings"] and not any(found["NetworkSettings"]["Ports"].values())
    assert found["Config"]["User"] == "65534:65534"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory": 0}, "memory=0 is too little for a Python to work with"),
        ({"disk": 0}, "disk=0 is too little"),
        ({"processes": -1}, "processes=-1 is too little"),
        ({"cpus": 0}, "cpus=0 is no number of processors"),
        ({"timeout": 0}, "timeout=0 leaves a program no time"),
    ],
)
def test_no_limit_is_none(options: dict[str, Any], message: str) -> None:
    """What a daemon would take for "without a limit" is refused before one is reached."""
    with pytest.raises(UsageError, match=message):
        DockerExecutor(**options)


@pytest.mark.parametrize("warm", ["warm", "fresh"])
def test_a_killed_host_leaves_nothing(docker_url: str, client: Any, warm: str) -> None:
    """When the host is killed in the middle of a program, the container ends and removes itself."""
    command = [sys.executable, "-c", ABANDONED, podman.image_name(), docker_url, warm]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None and host.stdout.readline() == "open\n"
        assert containers(client, host.pid)
        host.send_signal(signal.SIGKILL)

    assert until(lambda: not containers(client, host.pid))


def test_what_a_dead_owner_left_is_removed(docker_url: str, client: Any) -> None:
    """The next start removes containers whose owner is known to be dead, and no others."""
    mine = json.loads(owner())
    other = {**mine, "host": "another-machine"}
    dead = {**mine, "since": "1"}
    earlier = {**mine, "boot": "before"}
    ids = {}
    for name, who in (("mine", mine), ("other", other), ("dead", dead), ("earlier", earlier)):
        ids[name] = client.create_container(podman.image_name(), ["true"], labels={LABEL: json.dumps(who)})["Id"]
    run(DockerExecutor(podman.image_name(), base_url=docker_url), "final_answer(1)")
    left = [found["Id"] for found in client.containers(all=True, filters={"label": LABEL})]
    for name in ("mine", "other"):
        client.remove_container(ids[name], force=True)

    assert {ids["mine"], ids["other"]} <= set(left)
    assert not {ids["dead"], ids["earlier"]} & set(left)


def test_several_agents_at_once_share_a_warm_container(docker_url: str, client: Any) -> None:
    """Each has a user and a folder of its own, sees nothing of the other, and ends alone."""
    executors = [DockerExecutor(podman.image_name(), base_url=docker_url, warm=True)]
    look = "import os\nopen('mine', 'w').write('x')\npause()\ndef see(path):\n    try:\n        return os.listdir(path)\n    except OSError:\n        return None"
    answer = "final_answer((os.getuid(), sum(see('/tmp/' + n) is not None for n in os.listdir('/tmp'))))"
    answers: list[Any] = []
    events: list[Any] = []

    def work() -> None:
        result = run(executors[0], look, answer, tools=[pause])
        answers.append(result.output)
        events.extend(event for event in result.events if isinstance(event, RunContinued))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({user for user, _ in answers}) == 2
    assert [seen for _, seen in answers] == [1, 1]
    assert len({event.isolation for event in events}) == 1
    executors.clear()
    assert until(lambda: not containers(client)), client.containers(all=True, filters={"label": LABEL})


def test_images_are_built(docker_url: str, tmp_path: Path) -> None:
    """Packages are installed over an image, a Dockerfile is built, and a build that fails says what it said."""
    (tmp_path / "Dockerfile").write_text(f"FROM {podman.image_name()}\nRUN echo built > /made\n")
    packages = DockerExecutor(podman.image_name(), base_url=docker_url, packages=["codeling_pears"])
    built = DockerExecutor(dockerfile=tmp_path / "Dockerfile", base_url=docker_url)

    assert run(packages, "import codeling_pears\nfinal_answer(codeling_pears.COUNT)").output == 12
    assert run(built, "final_answer(open('/made').read())").output == "built\n"
    with pytest.raises(SandboxError, match="no-such-package"):
        run(DockerExecutor(podman.image_name(), base_url=docker_url, packages=["no-such-package"]), "1")


def test_a_container_that_is_killed_is_replaced(docker_url: str, client: Any) -> None:
    """Removed from outside in the middle of a program, it is told to the model, and the run goes on in another."""
    named: list[str] = []

    @tool
    def kill() -> None:
        """Remove the container."""
        named.extend(containers(client))
        for found in named:
            client.kill(found)

    executor = DockerExecutor(podman.image_name(), base_url=docker_url)
    result = run(executor, "x = 1\nkill()\nx", "final_answer('x' in globals())", tools=[kill])

    assert result.steps[0].lost
    assert "its container was ended from outside" in (result.steps[0].error or "")
    assert result.output is False


def test_no_daemon_and_no_image_say_what_to_do(docker_url: str) -> None:
    """Each names the remedy."""
    with pytest.raises(SandboxError, match="no daemon of Docker or Podman answers at unix:///nowhere.*DOCKER_HOST"):
        run(DockerExecutor(base_url="unix:///nowhere"), "1")
    with pytest.raises(SandboxError, match="has no image 'localhost/nothing:1': `docker pull"):
        run(DockerExecutor("localhost/nothing:1", base_url=docker_url, pull=False), "1")
    with pytest.raises(SandboxError, match="'no-python' in it is a CPython 3.8 or newer"):
        run(DockerExecutor(podman.image_name(), base_url=docker_url, python="no-python"), "1")
    with pytest.raises(UsageError, match="there is no Dockerfile '/nowhere/Dockerfile'"):
        run(DockerExecutor(base_url=docker_url, dockerfile="/nowhere/Dockerfile"), "1")
    with pytest.raises(UsageError, match="create_host_config: .*'nonsense'"):
        run(DockerExecutor(podman.image_name(), base_url=docker_url, nonsense=1), "1")


def test_another_runtime_is_never_taken_in_silence(docker_url: str, client: Any) -> None:
    """A runtime that was asked for and is not to be had is an error, also where the daemon itself would say nothing."""
    with pytest.raises(SandboxError, match="no-such-runtime"):
        run(DockerExecutor(podman.image_name(), base_url=docker_url, runtime="no-such-runtime"), "1")
    default = client.info()["DefaultRuntime"]
    named = DockerExecutor(podman.image_name(), base_url=docker_url, runtime=default)

    assert run(named, "final_answer(1)").output == 1
