"""As whom programs run: threads are counted for a user of their own, and root without rights is enough to start."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from codeling import SandboxExecutor
from codeling.protocols import Outcome, SessionSpec
from codeling.sandbox.users import readable_by_all, worker_user
from codeling.sandbox.wall import Isolation

from ..walls import need

BOMB = Path(__file__).parents[1] / "escapes" / "336_raw_thread_bomb.py"
OPEN = """
import asyncio, sys
from codeling import SandboxExecutor
from codeling.errors import EndsRun
from codeling.protocols import SessionSpec
async def no_calls(call): pass
async def main():
    for isolation in (None, "full", "strong"):
        try:
            session = await SandboxExecutor(isolation=isolation, python=sys.argv[1]).open(SessionSpec())
            outcome = await session.run("import os\\nos.geteuid()", step=1, on_call=no_calls, on_output=print)
            print(isolation, session.isolation, outcome.value)
            session.close()
        except EndsRun as error:
            print(isolation, "refused:", error)
asyncio.run(main())
"""
FILTER = """
import ctypes, platform, struct
number = CALLS[platform.machine()]
lines = struct.pack("HBBIHBBIHBBIHBBI", 0x20, 0, 0, 0, 0x15, 0, 1, number, 6, 0, 0, 0x50001, 6, 0, 0, 0x7FFF0000)
code = ctypes.create_string_buffer(lines, len(lines))
libc = ctypes.CDLL(None)
libc.prctl(38, 1, 0, 0, 0)
libc.prctl(22, 2, ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 4, ctypes.addressof(code))))
"""
"""Refuses one system call, for this process and all that it starts."""
NAMED = {"sethostname": {"x86_64": 170, "aarch64": 161}, "capset": {"x86_64": 126, "aarch64": 91}}


def interpreters() -> list[str]:
    """Our interpreter, and one that everybody may read, where there is one."""
    return list(dict.fromkeys([sys.executable, *filter(None, [other_python()])]))


def other_python() -> str | None:
    """An interpreter of the system that every user can read."""
    found = shutil.which("python3", path="/usr/bin")
    return found if found and readable_by_all((os.path.realpath(found), "/usr/lib")) else None


def run(executor: SandboxExecutor, *programs: str) -> list[Outcome]:
    """Run programs in one session."""

    async def no_calls(call: object) -> None:
        raise AssertionError

    async def work() -> list[Outcome]:
        session: Any = await executor.open(SessionSpec())
        try:
            return [
                await session.run(code, step=step, on_call=no_calls, on_output=lambda text: None)
                for step, code in enumerate(programs, 1)
            ]
        finally:
            session.close()

    return asyncio.run(work())


@pytest.mark.parametrize("isolation", ["full", "strong"])
@pytest.mark.parametrize("python", interpreters())
def test_the_kernel_counts_the_threads_of_each_session(isolation: Isolation, python: str) -> None:
    """Threads end at the limit, whoever makes them and as whomever they run; the session goes on."""
    need(isolation)
    if (
        isolation == "strong"
        and not worker_user(isolation="strong", workdir=None, readable=False, processes=False).numbers
    ):
        pytest.skip("only root can give a session at strong isolation a user of its own")
    if os.uname().machine != "x86_64":
        pytest.skip("the program is in the machine code of x86-64")
    bomb, after = run(SandboxExecutor(isolation=isolation, python=python), BOMB.read_text(), "40 + 2")

    assert bomb.error is None
    assert bomb.output == "DENIED after 255\n"
    assert after.value == "42"


def test_the_kernel_counts_for_root_too(tmp_path: Path) -> None:
    """Whoever acts as root because root owns its folder is another user in the count of threads."""
    need("full")
    if os.getuid() != 0 or os.uname().machine != "x86_64":
        pytest.skip("this is for root, in the machine code of x86-64")
    for path in (tmp_path, *tmp_path.parents):
        path.chmod(path.stat().st_mode | 0o055)
    program = "import os, pwd\n(os.geteuid(), pwd.getpwuid(os.getuid()).pw_name, os.access('.', os.R_OK))"
    executor = SandboxExecutor(isolation="full", workdir=tmp_path)
    bomb, user = run(executor, BOMB.read_text(), program)

    assert bomb.output == "DENIED after 255\n"
    assert user.value == "(1000, 'nobody', True)"


@pytest.mark.parametrize("python", interpreters())
def test_access_is_asked_for_the_user_who_acts(python: str) -> None:
    """`os.access` says of files what opening them would."""
    need("strong")
    program = "import os\nopen('x', 'w').close()\n[os.access(path, os.W_OK) for path in ('.', 'x')], os.access(os.__file__, os.R_OK)"
    outcome = run(SandboxExecutor(isolation="strong", python=python), program)[0]

    assert outcome.value == "([True, True], True)"


def starts(*before: str) -> None:
    """In this place, by whatever interpreter, a sandbox starts that is as good as it can be."""
    if not shutil.which(before[0]) or subprocess.run([*before, "true"], check=False, capture_output=True).returncode:
        pytest.skip(f"{before[0]} is refused here")
    for python in interpreters():
        command = [*before, sys.executable, "-c", OPEN, python]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)
        best, full, strong = done.stdout.splitlines() or [done.stderr]
        assert strong.startswith("strong strong "), strong
        assert full.startswith(("full full ", "full refused: isolation='full' cannot be had"))
        assert best.startswith("None full " if full.startswith("full full") else "None strong ")


def test_root_without_rights() -> None:
    """In a container that leaves root none of its rights, strong isolation is to be had."""
    need("strong")
    starts("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")
    starts("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-all")
    starts("setpriv", "--bounding-set", "-setuid", "--inh-caps", "-all")


def test_root_of_a_user_namespace() -> None:
    """Where there is no user but root, it stays root, which means nothing outside."""
    need("strong")
    starts("unshare", "--user", "--map-root-user")


@pytest.mark.parametrize(
    ("call", "taken"), [("sethostname", "None strong "), ("capset", "None refused: isolation='strong'")]
)
def test_a_wall_that_is_refused_in_part(call: str, taken: str) -> None:
    """What the machine refuses only when a worker is sealed is known before that, and the default takes the next wall."""
    need("full")
    command = [sys.executable, "-c", f"CALLS = {NAMED[call]}\n{FILTER}\n{OPEN}", sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=110)
    best, full, strong = done.stdout.splitlines()

    assert best.startswith(taken)
    assert full.startswith("full refused: isolation='full' cannot be had on this machine")
    assert f"{call}: Operation not permitted" in full
    assert strong.startswith("strong strong " if "strong" in taken[:12] else "strong refused: isolation='strong'")


@pytest.mark.parametrize("python", interpreters())
def test_killing_the_host_ends_programs_that_compute(python: str) -> None:
    """Also a worker that has become another user, and reads nothing from its host, ends with it."""
    need("strong")
    code = """
import asyncio, sys
from codeling import SandboxExecutor
from codeling.protocols import SessionSpec
async def work():
    executors = [SandboxExecutor(isolation=i, python=sys.argv[1]) for i in ("strong", sys.argv[2])]
    sessions = [await executor.open(SessionSpec()) for executor in executors]
    print(*[s._connection.pid for s in sessions], flush=True)
    await asyncio.gather(*[s.run("while True: pass", step=1, on_call=None, on_output=None) for s in sessions])
asyncio.run(work())
"""
    try:
        need("full")
        second = "full"
    except pytest.skip.Exception:
        second = "strong"
    with subprocess.Popen([sys.executable, "-c", code, python, second], stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        pids = [int(word) for word in host.stdout.readline().split()]
        time.sleep(0.3)
        host.send_signal(signal.SIGKILL)
    left = pids
    for _ in range(100):
        left = [pid for pid in left if Path(f"/proc/{pid}").exists() and state(pid) not in ("gone", "Z")]
        if not left:
            break
        time.sleep(0.05)

    assert len(pids) == 2
    assert left == []


def state(pid: int) -> str:
    """The state of a process, or that it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"
