"""What Python asks for by itself and the filter refuses goes on by other means: programs notice nothing of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from codeling import SandboxExecutor
from codeling.protocols import SessionSpec
from codeling.sandbox.wall import Isolation

from ..walls import need

INSIDE = Path(__file__).parents[2] / "src" / "codeling" / "sandbox" / "inside"
MAPPING = """
import mmap, numpy
with mmap.mmap(-1, 10000) as shared:
    shared[:5] = b"hello"
    print(bytes(shared[:6]), len(shared), type(shared).__name__, isinstance(shared, mmap.mmap))
read = mmap.mmap(-1, 100, access=mmap.ACCESS_READ)
try:
    read[0] = 1
except TypeError:
    print("read only", read[0])
given = mmap.mmap(fileno=-1, length=100, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ | mmap.PROT_WRITE)
given.write(b"abc")
copied = mmap.mmap(-1, 100, access=mmap.ACCESS_COPY)
copied[0] = 7
open("file", "wb").write(b"x" * 100)
with open("file", "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
    mapped[1:2] = b"y"
print(given[:3], copied[0], open("file").read(3), numpy.memmap("file", mode="r")[1])
"""
COPYING = """
import asyncio, fcntl, os, shutil, socket, sqlite3
open("a", "wb").write(b"x" * 100_000)
shutil.copyfile("a", "b")
first, second = sqlite3.connect("data.db"), sqlite3.connect("data.db")
first.execute("create table t(a)")
first.execute("insert into t values (1)")
first.commit()
second.execute("pragma journal_mode=wal")
second.execute("insert into t values (2)")
second.commit()
with open("a", "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(file, fcntl.LOCK_EX)
print(os.path.getsize("b"), first.execute("select a from t").fetchall())
near, far = socket.socketpair()
(_, out), (back, _) = [await asyncio.open_connection(sock=end) for end in (near, far)]
async def send():
    out.writelines([b"y" * 1_000_000] * 3)
    await out.drain()
    out.close()
sending = asyncio.create_task(send())
print(len(await back.read()), await sending)
with open("a", "rb") as file:
    near, far = socket.socketpair()
    near.setblocking(False)
    print(await asyncio.get_running_loop().sock_sendfile(near, file, count=1000), len(far.recv(2000)))
"""
SHARING = """
import mmap, os, multiprocessing
shared = mmap.mmap(-1, 100)
if not os.fork():
    shared[:5] = b"hello"
    os._exit(0)
os.wait()
value = multiprocessing.get_context("fork").Value("i", 1)
if not os.fork():
    value.value = 7
    os._exit(0)
os.wait()
print(shared[:5], value.value)
try:
    mmap.mmap(-1, 1 << 40)
except OSError as error:
    print(type(error).__name__)
"""
WITHOUT_PAIRS = """
import sys
sys.path.insert(0, sys.argv[1])
import instead
print(instead.pairs_are_small() in (True, False))
instead.install(folder=None, messages=False, pairs=False, network=False)
import asyncio, signal, threading, time
async def main():
    loop, woken = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, woken.set)
    threading.Timer(0.05, signal.pthread_kill, (threading.get_ident(), signal.SIGUSR1)).start()
    await woken.wait()
    return await asyncio.to_thread(lambda: 42), type(loop._ssock).__name__
print(asyncio.run(main()), asyncio.run(main()))
"""


def printed(executor: SandboxExecutor, program: str) -> str:
    """What a program prints in a session of its own."""

    async def no_calls(call: object) -> None:
        raise AssertionError

    async def work() -> str:
        session = await executor.open(SessionSpec())
        try:
            outcome = await session.run(program, step=1, on_call=no_calls, on_output=lambda text: None)
        finally:
            session.close()
        assert outcome.error is None
        return outcome.output

    return asyncio.run(work())


@pytest.mark.parametrize("isolation", ["full", "strong"])
def test_memory_that_is_asked_for_as_shared(isolation: Isolation) -> None:
    """`mmap` gives memory without a file as it always does, and maps files."""
    need(isolation)
    wanted = "b'hello\\x00' 10000 mmap True\nread only 0\nb'abc' 7 xyx 121\n"

    assert printed(SandboxExecutor(isolation=isolation), MAPPING) == wanted


@pytest.mark.parametrize("isolation", ["full", "strong"])
def test_copies_locks_and_streams(isolation: Isolation) -> None:
    """Files are copied and sent, databases opened twice, files locked, and a stream carries more than its buffers hold."""
    need(isolation)

    assert printed(SandboxExecutor(isolation=isolation), COPYING) == "100000 [(1,), (2,)]\n3000000 None\n1000 1000\n"


def test_processes_share_memory() -> None:
    """Where there are several processes they share it; more than their folder holds is an error, not the end."""
    need("full")

    assert printed(SandboxExecutor(processes=4), SHARING) == "b'hello' 7\nOSError\n"


def test_event_loops_where_no_pairs_are_to_be_had() -> None:
    """On a host that gives socket pairs large buffers, loops are woken through pipes: by threads and by signals."""
    command = [sys.executable, "-c", WITHOUT_PAIRS, str(INSIDE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert done.stdout == "True\n(42, '_End') (42, '_End')\n", done.stderr
