"""The wall of the default executor: attacks, what is left behind, and what it says where it cannot be had."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from codeling import CodeAgent, RunResult, SandboxExecutor, tool
from codeling.protocols import SessionSpec
from codeling.sandbox import folders, wall
from codeling.sandbox.wall import Isolation
from codeling.sandbox.watchdog import below
from codeling.testing import ScriptedModel

from ..walls import need

ROOT = Path(__file__).parents[2]
ESCAPES = ROOT / "tests" / "escapes"
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.mark.parametrize("isolation", ["full", "strong"])
def test_the_wall_holds_against_every_attack(isolation: Isolation) -> None:
    """Each program of the corpus does what its header says, and nothing on the host has changed."""
    need(isolation)
    findings, code = attack(ESCAPES, "--isolation", isolation, "--jobs", "4")
    with_options = [path for path in ESCAPES.glob("*.py") if "# options:" in path.read_text()]

    assert len(with_options) > 10
    assert len(findings) == len(list(ESCAPES.glob("*.py"))) - (len(with_options) if isolation == "strong" else 0)
    assert [finding for finding in findings if not finding["passed"]] == []
    assert code == 0


def attack(folder: Path, *options: str) -> tuple[list[dict[str, str | bool]], int]:
    """Run attack programs by the command; give what it found, and its exit code."""
    command = [sys.executable, "-m", "codeling.sandbox.attack", str(folder), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=170)
    findings: list[dict[str, str | bool]] = json.loads(done.stdout)
    return findings, done.returncode


@pytest.mark.parametrize("version", ["1", "2", "3", "5"])
def test_the_wall_holds_with_the_landlock_of_older_kernels(version: str) -> None:
    """What older Landlock does not cover, the filter does: emptying files, moving them, signals, datagrams."""
    need("strong")
    findings, code = attack(ESCAPES, "--isolation", "strong", "--landlock", version, "--only", "32")

    assert len(findings) >= 10
    assert [finding for finding in findings if not finding["passed"]] == []
    assert code == 0


def test_the_runner_can_fail(tmp_path: Path) -> None:
    """A program that says it escaped, and one whose session was to live and does not, are found out."""
    (tmp_path / "1_says.py").write_text("# expect: harmless\nprint('ESCAPED')\n")
    (tmp_path / "2_dies.py").write_text("# expect: denied\nimport os\nos._exit(1)\n")
    (tmp_path / "3_lives.py").write_text("# expect: protocol\nimport os\nos.write(1, b'x')\n")
    command = [sys.executable, "-m", "codeling.sandbox.attack", str(tmp_path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert [finding["passed"] for finding in json.loads(done.stdout)] == [False, False, False]


def test_killing_the_host_leaves_no_child() -> None:
    """After SIGKILL of the process that opened sandboxes, nothing of them runs; the next one removes their folders."""
    need("full")
    code = """
import asyncio, os
from codeling import SandboxExecutor
from codeling.protocols import SessionSpec
from codeling.sandbox.folders import base_folder
async def work():
    sessions = [await SandboxExecutor(isolation=i).open(SessionSpec()) for i in ("full", "strong") for _ in range(2)]
    await sessions[-1].run("open('left', 'w').write('x' * 5000)", step=1, on_call=None, on_output=None)
    print(base_folder(os.getpid()), flush=True)
    await asyncio.sleep(60)
asyncio.run(work())
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        folder = Path(host.stdout.readline().strip())
        pids = list(below(host.pid))
        assert len(list(folder.glob("*/left"))) == 1
        host.send_signal(signal.SIGKILL)
    left = pids
    for _ in range(100):
        left = [pid for pid in left if state(pid) not in ("gone", "Z")]
        if not left:
            break
        time.sleep(0.05)

    assert len(pids) >= 6  # four workers and their two warm parents
    assert left == []
    for _ in range(1000):  # some are removed at a time, and other tests may have left many
        if not folder.exists():
            break
        subprocess.run([sys.executable, "-c", code.replace("60", "0")], check=True, capture_output=True)
    assert not folder.exists()


@pytest.mark.parametrize("isolation", ["full", "strong"])
def test_a_parent_that_is_killed_costs_its_sessions_and_no_more(isolation: Isolation) -> None:
    """The machine may end the warm parent where memory runs out: the program is lost then, and the run goes on."""
    need(isolation)

    @tool
    def end_it() -> None:
        """End the parent of all sessions."""
        for zygote in wall._zygotes.values():
            if zygote.options.hash_seed == 7:
                zygote._process.kill()

    programs = ["```python\nend_it()\nwhile True: pass\n```", "```python\nfinal_answer(42)\n```"]
    executor = SandboxExecutor(isolation=isolation, hash_seed=7)  # a parent of its own
    with CodeAgent([end_it], ScriptedModel(programs), executor=executor) as agent:
        result = agent.run("Go.", return_full_result=True)

    assert isinstance(result, RunResult)
    assert result.steps[0].lost
    assert result.output == 42


@pytest.mark.parametrize("isolation", ["full", "strong"])
def test_where_memory_runs_out_sandboxes_end_first(isolation: Isolation) -> None:
    """The kernel is told to end a worker before the host, whatever each uses."""
    need(isolation)

    async def work() -> str:
        session = await SandboxExecutor(isolation=isolation).open(SessionSpec())
        try:
            return Path(f"/proc/{session._connection.pid}/oom_score_adj").read_text()  # type: ignore[attr-defined]
        finally:
            session.close()

    assert int(asyncio.run(work())) == 1000


def state(pid: int) -> str:
    """The state of a process, or that it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


def test_sessions_leave_nothing_behind() -> None:
    """After many sessions there are no more descriptors and no folders than before."""
    need("full")

    def one(isolation: Isolation) -> None:
        with CodeAgent(
            [],
            ScriptedModel(["```python\nopen('x', 'w').write('y')\nfinal_answer(1)\n```"]),
            executor=SandboxExecutor(isolation=isolation),
        ) as agent:
            assert agent.run("Go.") == 1  # fmt: skip

    one("full")
    one("strong")
    before, folder = len(os.listdir("/proc/self/fd")), folders.base_folder(os.getpid())
    there = len(os.listdir(folder))  # each warm parent at strong may have one of the worker that it makes ahead
    for _ in range(10):
        one("full")
        one("strong")

    assert len(os.listdir("/proc/self/fd")) <= before
    deadline = time.monotonic() + 30
    while len(left := os.listdir(folder)) > there + 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(left) <= there + 1, left


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_session_ends_with_its_run_and_not_at_the_next_collection(asynchronous: bool) -> None:
    """Whoever has a thousand runs cannot wait for the garbage collector to end their sandboxes."""
    need("full")

    def plain(number: int) -> int:
        """Add one."""
        return number + 1

    async def awaited(number: int) -> int:
        """Add one."""
        return number + 1

    name = "awaited" if asynchronous else "plain"
    program = f"```python\nfinal_answer({name}(1))\n```"
    with CodeAgent([awaited if asynchronous else plain], ScriptedModel([program] * 9)) as agent:

        async def work() -> int:
            await agent.arun("Once, so that the parent is there.")
            gc.collect()
            gc.disable()
            before = len(list(below(os.getpid())))
            await asyncio.gather(*[agent.arun("Go.") for _ in range(8)])
            deadline = time.monotonic() + 20
            while (more := len(list(below(os.getpid()))) - before) > 2 and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
            return more

        try:
            assert asyncio.run(work()) <= 2  # the last run's, and one that is made ahead
        finally:
            gc.enable()


def test_siblings_share_no_random_numbers_and_no_files() -> None:
    """Two sessions of one parent draw other numbers and see other folders."""
    code = "```python\nimport os, random, uuid\nopen('mine', 'w').close()\nfinal_answer([random.random(), str(uuid.uuid4()), os.listdir('.')])\n```"
    first, second = (
        CodeAgent([], ScriptedModel([code]), executor=SandboxExecutor(preload=["random"])).run("Go.") for _ in range(2)
    )

    assert first[0] != second[0]
    assert first[1] != second[1]
    assert first[2] == second[2] == ["mine"]


def test_named_paths_can_be_read_and_not_written(tmp_path: Path) -> None:
    """`read=` grants reading of just that path."""
    need("full")
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "data.txt").write_text("42")
    (tmp_path / "other.txt").write_text("no")
    code = f"""
print(open({str(tmp_path / "given" / "data.txt")!r}).read())
for act in (lambda: open({str(tmp_path / "other.txt")!r}).read(), lambda: open({str(tmp_path / "given" / "new")!r}, "w")):
    try:
        print(act())
    except OSError as error:
        print(type(error).__name__)
"""
    both: tuple[Isolation, Isolation] = ("full", "strong")
    for isolation in both:
        executor = SandboxExecutor(read=[tmp_path / "given"], isolation=isolation)
        model = ScriptedModel([f"```python\n{code}\n```", "```python\nfinal_answer(0)\n```"])
        with CodeAgent([], model, executor=executor) as agent:
            result = agent.run("Go.", return_full_result=True)
        assert result.steps[0].output.split()[0] == "42"
        assert "no" not in result.steps[0].output.split()
        assert not (tmp_path / "given" / "new").exists()


def load(name: str) -> ModuleType:
    """Load a file of `inside/`, as the worker does."""
    path = ROOT / "src" / "codeling" / "sandbox" / "inside" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("machine", HEADERS)
def test_system_calls_have_the_kernels_numbers(machine: str) -> None:
    """The filter's table agrees with the kernel's own headers."""
    header = HEADERS[machine]
    if not header.exists():
        pytest.skip("the kernel's headers are not installed (Debian: linux-libc-dev)")
    text = header.read_text()
    numbers = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", text)}
    wide = {name: int(number) for name, number in re.findall(r"#define __NR3264_(\w+) (\d+)", text)}
    for name, other in re.findall(r"#define __NR_(\w+) __NR3264_(\w+)", text):
        if other in wide:
            numbers.setdefault(name, wide[other])
    table = load("syscalls").ARCHITECTURES[machine][1]

    assert {name: numbers.get(name) for name in table} == table


def test_a_deep_tree_is_removed(tmp_path: Path) -> None:
    """Folders nested far deeper than any path may be long are removed, and links are not followed."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("x")
    victim = tmp_path / "work"
    victim.mkdir()
    here = os.getcwd()
    try:
        os.chdir(victim)
        os.symlink(tmp_path / "kept", "link")
        for _ in range(3000):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(here)
    folders.remove(str(victim))

    assert sorted(os.listdir(tmp_path)) == ["kept"]
    assert (tmp_path / "kept" / "file").read_text() == "x"
