"""Two futures from one state: sessions that are forked, what they share, and what neither can do to the other."""

from __future__ import annotations

import ast
import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from codeling import SandboxError, SandboxExecutor, UsageError
from codeling.protocols import Outcome, SessionSpec
from scripts.test_pythons import find

from ..walls import need

ATTACK = Path(__file__).parents[1] / "escapes" / "411_reach_the_parent_from_a_copy.py"
STUB = 'def echo(value: object = None) -> object:\n    """Give the value back."""'
WORKER = (
    "import sys\nframe = sys._getframe()\nwhile type(frame.f_locals.get('self')).__name__ != 'Worker':\n"
    "    frame = frame.f_back\nworker = frame.f_locals['self']\n"
)
TAKE = "import array, os, socket\nnursery = socket.socket(fileno=os.dup(4))\ndef take():\n    return socket.recv_fds(nursery, 1, 2)[1]\n"


@pytest.fixture(autouse=True)
def _full() -> None:
    """Forks need full isolation."""
    need("full")


async def echo(call: Any) -> Any:
    """The tool of all sessions here."""
    return call.args[0]


class Forked:
    """A session and its forks, all of which are closed at the end."""

    def __init__(self, session: Any, all_of_them: list[Any]) -> None:
        self.session, self._all = session, all_of_them
        all_of_them.append(session)

    async def run(self, code: str, step: int = 1) -> Outcome:
        """Run a program."""
        done: Outcome = await self.session.run(code, step=step, on_call=echo, on_output=lambda text: None)
        return done

    async def value(self, code: str) -> Any:
        """What the last expression of a program is."""
        outcome = await self.run(code)
        assert outcome.error is None, outcome.error
        return ast.literal_eval(str(outcome.value))

    async def fork(self) -> Forked:
        """Fork it."""
        return Forked(await self.session.fork(), self._all)


def using(work: Callable[[Forked], Awaitable[None]], **options: Any) -> None:
    """Do something with a session that can be forked."""

    async def run() -> None:
        every: list[Any] = []
        executor = SandboxExecutor(**{"forks": 2, **options})
        try:
            await work(Forked(await executor.open(SessionSpec(tools={"echo": STUB})), every))
        finally:
            for session in every:
                session.close()

    asyncio.run(run())


def test_two_futures_from_one_state() -> None:
    """Both go on with all that was there, random numbers too, and neither sees what the other does from then on."""

    async def work(first: Forked) -> None:
        await first.run("import random\nx = [1]\ndef double(n): return 2 * n\nprint('before')")
        await first.value("await echo(1)")  # from here on a thread of the worker's own reads the wire
        second = await first.fork()
        assert await first.value("x.append('a'); [x, double(4), outputs[1]]") == [[1, "a"], 8, ""]
        assert await second.value("x.append('b'); [x, double(4)]") == [[1, "b"], 8]
        assert await first.value("random.random()") == await second.value("random.random()")
        assert await second.value("[await echo(2), echo([3])]") == await first.value("[await echo(2), echo([3])]")
        third = await second.fork()
        assert await third.value("x.append('c'); x") == [1, "b", "c"]
        assert await second.value("x") == [1, "b"]
        assert third.session.isolation == "full"

    using(work)


def test_what_forks_share() -> None:
    """The working folder is one for all; what each prints is its own, also past Python."""

    async def work(first: Forked) -> None:
        await first.run("open('note', 'w').write('of both')")
        second = await first.fork()
        assert await second.value("open('note').read()") == "of both"
        await second.run("open('later', 'w').close()")
        assert await first.value("import os\nsorted(os.listdir('.'))") == ["later", "note"]
        said = await asyncio.gather(
            *[each.run(f"import os\nos.write(1, b'{n}')", 3) for n, each in enumerate((first, second))]
        )
        assert [outcome.output for outcome in said] == ["0", "1"]

    using(work)


def test_artifacts_come_out_once(tmp_path: Path) -> None:
    """What lies in the shared folder is copied when the last of the sessions ends."""

    async def work(first: Forked) -> None:
        await first.run("import os\nos.mkdir('artifacts')\nopen('artifacts/a', 'w').close()")
        second = await first.fork()
        first.session.close()
        assert not list(tmp_path.iterdir())
        await second.run("open('artifacts/b', 'w').close()")

    using(work, artifacts=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_each_ends_by_itself() -> None:
    """Closing the first leaves its forks alone, and theirs; with the last one, the process that reaps them ends too."""

    async def work(first: Forked) -> None:
        await first.run("x = 1")
        second = await first.fork()
        third = await second.fork()
        room = first.session._connection._room.pid
        first.session.close()
        assert await second.value("x + 1") == 2
        second.session.close()
        assert await third.value("x + 2") == 3
        fourth = await third.fork()
        third.session.close()
        fourth.session.close()
        assert not Path(f"/proc/{room}").exists() or state(room) == "Z"

    using(work)


def state(pid: int) -> str:
    """The state of a process, or that it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


def test_fifty_forks_of_a_large_object() -> None:
    """Copies share what they do not change, and nothing is left when they are closed."""

    async def work(first: Forked) -> None:
        await first.run("large = bytearray(b'x' * (100 << 20))\nimport gc\ngc.collect()")
        before = len(os.listdir("/proc/self/fd"))
        forks = [await first.fork() for _ in range(50)]
        found = await asyncio.gather(
            *[each.value(f"large[{n}] = 0\nsum(large[:50]), len(large)") for n, each in enumerate(forks)]
        )
        assert found == [(49 * ord("x"), 100 << 20)] * 50
        assert await first.value("large.count(0)") == 0
        assert sum(proportional(each.session._connection.pid) for each in forks) < 500 << 20
        for each in forks:
            each.session.close()
        assert len(os.listdir("/proc/self/fd")) <= before
        again = await first.fork()
        assert await again.value("len(large)") == 100 << 20

    using(work, forks=50, memory=512 << 20)


def proportional(pid: int) -> int:
    """A process's share of memory."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))


def test_many_forks_one_after_the_other() -> None:
    """Forks that have ended leave nothing that counts."""

    async def work(first: Forked) -> None:
        await first.run("n = 1")
        for _ in range(270):
            second = await first.fork()
            second.session.close()
        assert await first.value("n") == 1

    using(work, forks=1)


def test_neither_can_reach_the_other() -> None:
    """A fork neither signals, nor traces, nor reads the session that it comes from, nor that one the fork."""
    if os.uname().machine != "x86_64":
        pytest.skip("the attack names system calls of x86-64 by number")

    async def work(first: Forked) -> None:
        await first.run("import os\nhidden = bytearray(b'of both')")
        second = await first.fork()
        first_pid, second_pid = await first.value("os.getpid()"), await second.value("os.getpid()")
        tries = ATTACK.read_text().partition("if l.fork() == 0:")
        body = tries[2].partition("    os.write(goes")[0]
        for attacker, victim, victim_pid in ((second, first, first_pid), (first, second, second_pid)):
            program = tries[0].replace("os.getpid()", str(victim_pid)) + "if True:" + body
            got = await attacker.value(program + "{name: got for name, got in tries.items() if got >= 0}")
            assert got == {}
            assert await victim.value("bytes(hidden)") == b"of both"
        assert await second.value("hidden[:] = b'changed'\nbytes(hidden)") == b"changed"
        assert await first.value("bytes(hidden)") == b"of both"

    using(work)


def test_signals_to_oneself() -> None:
    """What a program needs of them works without a right to signal: in the first, and in a fork."""

    async def work(first: Forked) -> None:
        for each in (first, await first.fork()):
            assert "KeyboardInterrupt" in str((await each.run("import os\nos.kill(os.getpid(), 2)")).error)
            assert "KeyboardInterrupt" in str((await each.run("import signal\nsignal.raise_signal(2)")).error)
            final = await each.run(
                "import threading, time\nthreading.Thread(target=final_answer, args=(7,)).start()\ntime.sleep(20)", 2
            )
            assert final.answer == 7
            stopped = await each.run("while True: pass", 3)
            assert "TimeoutError" in str(stopped.error)
            assert not stopped.lost

    using(work, timeout=1.0)


def test_a_fork_that_is_lost() -> None:
    """It gets a fresh interpreter, and the others do not notice."""

    async def work(first: Forked) -> None:
        await first.run("x = 1")
        second = await first.fork()
        lost = await second.run("import os\nos._exit(3)")
        assert lost.lost
        assert "All variables are gone" in str(lost.error)
        assert "NameError" in str((await second.run("x")).error)
        assert await first.value("x") == 1
        assert await (await second.fork()).value("1") == 1

    using(work)


def test_when_there_is_no_fork() -> None:
    """Threads and tasks that are left, a running program, and too many forks are refused; then it works again."""

    async def work(first: Forked) -> None:
        left = (
            "import threading\nstop = threading.Event()\nt = threading.Thread(target=stop.wait, name='lazy')\nt.start()"
        )
        await first.run(left)
        with pytest.raises(SandboxError, match=r"1 of its threads still run \(lazy\); end them first"):
            await first.session.fork()
        await first.run(
            "stop.set(); t.join()\nimport asyncio\ntask = asyncio.ensure_future(asyncio.sleep(60))\nawait echo(1)"
        )
        with pytest.raises(SandboxError, match="1 of its asyncio tasks are not done"):
            await first.session.fork()
        await first.run("task.cancel()\nawait asyncio.sleep(0)")
        running = asyncio.ensure_future(first.run("import time\ntime.sleep(1)"))
        await asyncio.sleep(0.2)
        with pytest.raises(UsageError, match="between two programs"):
            await first.session.fork()
        await running
        second = await first.fork()
        await second.fork()
        with pytest.raises(SandboxError, match="forks=2: so many forks of one session live already"):
            await second.session.fork()
        second.session.close()
        assert await (await first.fork()).value("1") == 1

    using(work)


def test_where_forks_are_not_offered() -> None:
    """Sessions that were not opened for it say how to, and what does not go together is refused at once."""

    async def work(first: Forked) -> None:
        with pytest.raises(UsageError, match=r"SandboxExecutor\(forks=N\)"):
            await first.session.fork()

    using(work, forks=0)
    with pytest.raises(UsageError, match="isolation='full'"):
        SandboxExecutor(forks=1, isolation="strong")
    for more in ({"network": ["example.com:80"]}, {"processes": 2}):
        with pytest.raises(UsageError, match="goes with neither"):
            SandboxExecutor(forks=1, **more)


LIES = {
    "nothing": "worker._do_fork = lambda command: [os.close(each) for each in take()] and "
    "worker.wire.send({'t': 'done', 'id': 0, 'err': None})",
    "itself": "def lie(command):\n    wire, ours = take()\n    socket.socket(fileno=ours).send(b'.')\n"
    "    worker.wire.send({'t': 'done', 'id': 0, 'err': None})\nworker._do_fork = lie",
    "noise": "worker._do_fork = lambda command: worker.wire.send({'t': 'ready', 'id': 0})",
    "no socket": "os.close(4)",
    "stolen": "import threading\nworker._do_fork = lambda command: (take(), worker.wire.send({'t': 'done', 'id': 0, 'err': 'no'}))",
    "death": "worker._do_fork = lambda command: os._exit(1)",
}


@pytest.mark.parametrize("lie", LIES)
def test_an_interpreter_that_lies_about_its_copy(lie: str) -> None:
    """Whatever it does instead of forking is a clear error, and no other session is taken for its copy."""

    async def work(first: Forked) -> None:
        await first.run(WORKER + TAKE + LIES[lie])
        room = first.session._connection._room
        with pytest.raises(SandboxError, match="fork|start"):
            await first.session.fork()
        assert room._members == (1 if first.session._connection else 0)
        assert (await first.run("1")).value == "1" or (await first.run("1")).value == "1"

    using(work)


def test_forks_end_with_their_host() -> None:
    """After SIGKILL of the process that forked sessions, nothing of them runs."""
    code = """
import asyncio
from codeling import SandboxExecutor
from codeling.protocols import SessionSpec
async def work():
    first = await SandboxExecutor(forks=2).open(SessionSpec())
    second = await first.fork()
    print(first._connection.pid, second._connection.pid, first._connection._room.pid, flush=True)
    await second.run("while True: pass", step=1, on_call=None, on_output=None)
asyncio.run(work())
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        pids = [int(word) for word in host.stdout.readline().split()]
        time.sleep(0.2)
        host.send_signal(signal.SIGKILL)
    left = pids
    for _ in range(100):
        left = [pid for pid in left if state(pid) not in ("gone", "Z")]
        if not left:
            break
        time.sleep(0.05)

    assert len(pids) == 3
    assert left == []


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13"])
def test_every_python(version: str) -> None:
    """Behind the wall and forked, each CPython works that programs may have, at both levels."""
    python = find(version)
    if python is None:
        pytest.skip(f"there is no CPython {version} on this machine")

    async def work(first: Forked) -> None:
        assert await first.value("import sys\nx = [await echo(1)]\nlist(sys.version_info[:2])") == [3, int(version[2:])]
        second = await first.fork()
        assert await second.value("x.append(2)\nx") == [1, 2]
        assert await first.value("x") == [1]
        strong = await SandboxExecutor(isolation="strong", python=python).open(SessionSpec())
        try:
            assert (await strong.run("6 * 7", step=1, on_call=echo, on_output=print)).value == "42"
        finally:
            strong.close()

    using(work, python=python)
