"""What a sandbox is given beyond an empty room: files, a folder, packages, processes; and what comes out of it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from codeling import CodeAgent, RunResult, SandboxError, SandboxExecutor, UsageError
from codeling.protocols import SessionSpec
from codeling.sandbox.wall import Isolation
from codeling.testing import ScriptedModel

from ..walls import need

BOTH: tuple[Isolation, Isolation] = ("full", "strong")


def run(executor: SandboxExecutor, *programs: str) -> RunResult:
    """Run these programs, one a step."""
    model = ScriptedModel([f"```python\n{program}\n```" for program in programs])
    with CodeAgent([], model, executor=executor) as agent:
        result = agent.run("Go.", return_full_result=True)
    assert isinstance(result, RunResult)
    return result


@pytest.mark.parametrize("isolation", BOTH)
def test_files_are_there_from_the_start(isolation: Isolation, tmp_path: Path) -> None:
    """`files=` puts bytes and copies of files into the working folder, for each session anew."""
    need(isolation)
    (tmp_path / "source.txt").write_text("from a file")
    executor = SandboxExecutor(
        isolation=isolation, files={"a/b.bin": b"\x00\x01" * 100_000, "c.txt": tmp_path / "source.txt"}
    )
    program = "import os\nfound = [len(open('a/b.bin', 'rb').read()), open('c.txt').read(), os.path.exists('mine')]\nopen('c.txt', 'w')\nopen('mine', 'w')\nfinal_answer(found)"

    assert run(executor, program).output == [200_000, "from a file", False]
    assert run(executor, program).output == [200_000, "from a file", False]
    assert (tmp_path / "source.txt").read_text() == "from a file"


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/../../b", "", "nul\0"])
def test_files_go_nowhere_else(name: str) -> None:
    """A name that leads out of the working folder is refused."""
    with pytest.raises(UsageError, match="below the working folder"):
        SandboxExecutor(files={name: b"x"})


@pytest.mark.parametrize("isolation", BOTH)
def test_artifacts_come_out(isolation: Isolation, tmp_path: Path) -> None:
    """What a program leaves in ./artifacts is copied; links, pipes and what is elsewhere are not."""
    need(isolation)
    secret = tmp_path / "secret"
    secret.write_text("of the host")
    program = f"""
import os
os.makedirs('artifacts/deep/er')
open('artifacts/report.txt', 'w').write('done')
open('artifacts/deep/er/data.bin', 'wb').write(bytes(1000))
open('elsewhere.txt', 'w').write('kept')
os.symlink({str(secret)!r}, 'artifacts/link')
os.symlink({str(tmp_path)!r}, 'artifacts/folder')
final_answer(1)
"""
    executor = SandboxExecutor(isolation=isolation, artifacts=tmp_path / "out")
    run(executor, program)
    run(executor, program)
    found = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file())

    assert found == ["deep/er/data-2.bin", "deep/er/data.bin", "report-2.txt", "report.txt"]
    assert (tmp_path / "out" / "report.txt").read_text() == "done"


def test_artifacts_of_a_folder_without_a_quota(tmp_path: Path) -> None:
    """Of more files and folders than anybody would keep, some are copied, and closing does not look at all of them."""
    work = tmp_path / "work"
    work.mkdir()
    program = """
import os
os.mkdir('artifacts')
for number in range(12_000):
    os.mkdir(f'artifacts/d{number}')
for number in range(900):
    with open(f'artifacts/d{number}/f', 'w') as file:
        file.write('x')
with open('artifacts/a', 'w') as file:
    file.write('x')
final_answer(1)
"""
    run(SandboxExecutor(workdir=work, writable=True, artifacts=tmp_path / "out", timeout=60), program)
    found = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]

    assert len(found) <= 1000


@pytest.mark.parametrize("isolation", BOTH)
def test_an_error_while_artifacts_are_copied_ends_the_worker_all_the_same(isolation: Isolation, tmp_path: Path) -> None:
    """No session outlives its end, whatever comes between, such as a person's interrupt."""
    need(isolation)

    class Broken:
        """A pattern that is none."""

    executor = SandboxExecutor(isolation=isolation, artifacts=tmp_path / "out")
    assert executor._artifacts is not None
    executor._artifacts._pattern = Broken()  # type: ignore[assignment]  # what raises in there, and is no OSError

    async def work() -> int:
        session = await executor.open(SessionSpec())
        await session.run(
            "import os\nos.mkdir('artifacts')\nopen('artifacts/a', 'w').write('x')", step=1,
            on_call=None, on_output=lambda text: None,  # type: ignore[arg-type]  # it calls nothing
        )  # fmt: skip
        pid: int = session._connection.pid  # type: ignore[attr-defined]
        with pytest.raises(TypeError):
            session.close()
        return pid

    pid = asyncio.run(work())
    for _ in range(200):
        if not Path(f"/proc/{pid}").exists():
            break
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("isolation", BOTH)
def test_artifacts_fill_no_disk(isolation: Isolation, tmp_path: Path) -> None:
    """Files of nothing but a hole, and files of many names, take no room in the sandbox; what is copied has a limit."""
    need(isolation)
    program = """
import os
os.mkdir('artifacts')
for number in range(200):
    with open(f'artifacts/hole{number:03}', 'wb') as file:
        file.truncate(1 << 20)
with open('artifacts/0', 'wb') as file:
    file.write(b'x' * 1000)
for number in range(1000):
    os.link('artifacts/0', f'artifacts/{number + 1}')
final_answer(1)
"""
    run(SandboxExecutor(isolation=isolation, artifacts=tmp_path / "out", disk=4 << 20), program)
    found = [path.stat().st_size for path in (tmp_path / "out").iterdir()]

    assert sum(found) <= 4 << 20
    assert 500 < len(found) <= 1000


@pytest.mark.parametrize("isolation", BOTH)
def test_a_folder_to_work_in(isolation: Isolation, tmp_path: Path) -> None:
    """`workdir=` is where programs run, at its own path; they write to it only with `writable=True`."""
    need(isolation)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "data.txt").write_text("42")
    (tmp_path / "beside.txt").write_text("no")
    for path in (folder, *folder.parents):
        if path.owner() == folder.owner() and path != Path("/") and os.access(path, os.W_OK) and path.name != "tmp":
            path.chmod(path.stat().st_mode | 0o055)
    program = """
import os
print(open('data.txt').read(), os.getcwd())
for act in (lambda: open('new.txt', 'w').write('x'), lambda: open('../beside.txt').read(), lambda: os.chmod('data.txt', 0o4777) or 1 / (os.stat('data.txt').st_mode & 0o4000)):
    try:
        print('did', act())
    except (OSError, ZeroDivisionError) as error:
        print(type(error).__name__)
print(open(os.environ['HOME'] + '/own', 'w').write('x'))
"""
    reading = run(SandboxExecutor(isolation=isolation, workdir=folder), program, "final_answer(0)").steps[0]
    assert reading.output.splitlines()[0] == f"42 {folder}"
    assert "did" not in reading.output
    assert not (folder / "new.txt").exists()

    writing = run(
        SandboxExecutor(isolation=isolation, workdir=folder, writable=True), program, "final_answer(0)"
    ).steps[0]
    assert writing.error is None
    assert "did 1" in writing.output
    assert (folder / "new.txt").read_text() == "x"
    assert not (folder / "data.txt").stat().st_mode & 0o4000


def test_folders_that_show_too_much_are_refused(tmp_path: Path) -> None:
    """The whole machine, a whole home and what is no folder cannot be worked in."""
    for folder in ("/", Path.home()):
        with pytest.raises(SandboxError, match="all of it"):
            SandboxExecutor(workdir=folder)
    with pytest.raises(UsageError, match="there is|is none|is a folder"):
        SandboxExecutor(workdir=tmp_path / "missing")
    with pytest.raises(UsageError, match="put them there yourself"):
        SandboxExecutor(workdir=tmp_path, files={"x": b""})


def wheel(folder: Path, name: str) -> Path:
    """A package that holds one module, as a file that pip can install."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"NAME = {name!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return path


def test_packages_are_installed_once_and_are_all_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    """`packages=` builds an environment once; programs import from it, and not what this machine has."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    package = str(wheel(tmp_path, "given_package"))
    program = """
import given_package
try:
    import pytest
    found = 'of the host'
except ImportError:
    found = given_package.NAME
final_answer(found)
"""
    assert run(SandboxExecutor(packages=[package]), program).output == "given_package"
    assert "installing" in capfd.readouterr().err
    assert run(SandboxExecutor(packages=[package]), program).output == "given_package"
    assert "installing" not in capfd.readouterr().err
    assert len(list((tmp_path / "cache").rglob(".codeling-ready"))) == 1


def test_packages_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that is not there, and an option in a package's place, have clear errors; nothing half-built is used."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(SandboxError, match="could not be installed"):
        run(SandboxExecutor(packages=[str(tmp_path / "none-1.0-py3-none-any.whl")]), "1")
    with pytest.raises(UsageError, match="--index-url"):
        run(SandboxExecutor(packages=["--index-url=http://127.0.0.1/"]), "1")
    assert not list((tmp_path / "cache").rglob(".codeling-ready"))


def test_two_processes_build_an_environment_once(tmp_path: Path) -> None:
    """Whoever comes second waits for the first and uses what it built."""
    package = str(wheel(tmp_path, "shared_package"))
    code = "import sys; from codeling.sandbox.environments import environment; print(environment([sys.argv[1]]))"
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, package], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=100) for process in both]

    assert said[0][0] == said[1][0] != ""
    assert sorted("installing" in error for _, error in said) == [False, True]


def test_processes_inside_the_wall() -> None:
    """With `processes=N` a program starts others; they see its room only, and their output is the program's."""
    need("full")
    result = run(
        SandboxExecutor(processes=8),
        "import subprocess\nopen('in.txt', 'w').write('b\\na\\n')\nprint(subprocess.run('sort in.txt | tr a-z A-Z; id -u; cat /etc/shadow', shell=True, capture_output=True, text=True).stdout)",
        "import os, sys\nif os.fork() == 0:\n    print('from the child')\n    os._exit(0)\nos.wait()\nsubprocess.run(['sh', '-c', 'echo from a shell; echo wrong >&2'])",
        "import multiprocessing\nwith multiprocessing.get_context('fork').Pool(2) as pool:\n    print(pool.map(len, ['a', 'bb', 'ccc']))",
        "n = 0\ntry:\n    while True:\n        if os.fork() == 0:\n            import time\n            time.sleep(60)\n        n += 1\nexcept OSError as error:\n    print(n, error)",
        "final_answer(n)",
    )

    assert result.steps[0].output.split() == ["A", "B", "1000"]
    assert sorted(result.steps[1].output.splitlines()) == ["from a shell", "from the child", "wrong"]
    assert result.steps[2].output == "[1, 2, 3]\n", result.steps[2].error
    assert 5 <= result.output <= 8


def test_copies_that_a_program_makes_of_itself_are_like_any_copies() -> None:
    """What modules ask for in copies is done there: threads that are not there are not counted, and random differs."""
    need("full")
    result = run(
        SandboxExecutor(processes=8),
        "import logging, os, random, threading, time\nthreading.Thread(target=time.sleep, args=(20,), daemon=True).start()\n"
        "out, into = os.pipe()\n"
        "if os.fork() == 0:\n    os.write(into, repr((threading.active_count(), random.random())).encode())\n    os._exit(0)\n"
        "os.wait()\ncount, drawn = eval(os.read(out, 99))\nown = random.random()\nfinal_answer([count, threading.active_count(), drawn != own])",
    )

    assert result.output == [1, 2, True], result.steps[0]


def test_the_memory_of_all_processes_counts() -> None:
    """What processes use together is held to `memory`, whatever each may use alone."""
    need("full")
    result = run(
        SandboxExecutor(processes=8, memory=300 << 20),
        "import os, time\nfor _ in range(6):\n    if os.fork() == 0:\n        x = bytearray(100 << 20)\n        time.sleep(60)\ntime.sleep(20)",
        "final_answer(1)",
    )

    assert "its processes used more than their" in (result.steps[0].error or "")
    assert result.output == 1


def test_processes_need_a_room_of_their_own() -> None:
    """Without namespaces nothing would hold them: that is refused, whichever way it is asked."""
    with pytest.raises(UsageError, match="isolation='full'"):
        SandboxExecutor(processes=2, isolation="strong")
    with pytest.raises(UsageError, match="isolation='full'"):
        SandboxExecutor(network=["example.com:80"], isolation="strong")


@pytest.mark.parametrize("isolation", BOTH)
@pytest.mark.parametrize("limit", ["memory", "disk", "files_limit", "open_files"])
def test_a_limit_that_is_none_is_refused(isolation: Isolation, limit: str) -> None:
    """The kernel takes some limits of 0 or less for no limit at all: nobody gets such a sandbox."""
    for count in (0, -1):
        options: dict[str, Any] = {limit: count}
        with pytest.raises(UsageError, match=f"{limit}= is a whole number from 1 on, not {count}"):
            SandboxExecutor(isolation=isolation, **options)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"isolation": "complete"}, "'full' or 'strong'.*not 'complete'"),
        ({"processes": -1}, "processes= is a whole number from 0 on, not -1"),
        ({"timeout": None}, "timeout=None"),
        ({"hash_seed": "random"}, "hash_seed= is a number"),
        ({"packages": "six"}, r"packages= takes a list, such as \['six'\]"),
        ({"read": "/usr/share"}, r"read= takes a list, such as \['/usr/share'\]"),
        ({"network": "example.com:80"}, "network= takes a list"),
        ({"preload": "json"}, "preload= takes a list"),
        ({"env": {"LEVEL": 1}}, "env= holds texts by their names; 'LEVEL' is 1"),
        ({"read": ["/nowhere/at/all"]}, "read= names paths that are there; '/nowhere/at/all' is not"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], why: str) -> None:
    """What was surely meant otherwise is told before anything is installed or started."""
    with pytest.raises(UsageError, match=why):
        SandboxExecutor(**options)


@pytest.mark.parametrize("isolation", [None, *BOTH])
def test_a_module_that_cannot_be_preloaded(isolation: Isolation | None) -> None:
    """It is named as what is missing, and never taken for a wall that the machine cannot give."""
    with pytest.raises(UsageError, match=r"preload= cannot have 'no_such_module': ModuleNotFoundError"):
        run(SandboxExecutor(isolation=isolation, preload=["no_such_module"]), "1")


def test_an_interpreter_that_is_too_old(tmp_path: Path) -> None:
    """One older than 3.8 is refused by its version."""
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nprintf '3.7\\n/usr\\n/usr\\n/usr/lib/python3.7\\n'\n")
    old.chmod(0o755)
    with pytest.raises(SandboxError, match="is Python 3.7; programs run on 3.8 or newer"):
        run(SandboxExecutor(python=str(old)), "1")
