"""Runs attack programs against the default executor and says which of them the wall held.

`python -m codeling.sandbox.attack DIR [--isolation full|strong] [--json]`. Each program is one step in a
fresh session with 2 seconds and 1 GiB. Its header says what must happen (`denied`, `contained`,
`harmless`, `protocol`); whatever it says, nothing on the host may have changed: the runner keeps a
canary folder, listening sockets and a victim process, and looks at them after every program. Run
attack programs nowhere else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import SystemRandom
from typing import Any

from ..lookup import load
from ..messages import ToolCall
from ..protocols import Outcome, SessionSpec
from . import folders

__all__ = ("Finding", "Targets", "attack", "main")

SECRET = "canary-of-the-environment"
_CANARY = "CANARY-FILE-of-the-host\n"
_STUB = 'def echo(value: object = None) -> object:\n    """Give the value back."""'
_AFTER = "40 + 2"


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one program."""

    program: str
    passed: bool
    why: str = ""


class Targets:
    """Things on the host that an attack would change, and whether it did."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="codeling-canary-")
        self.canary = Path(self._folder.name)
        self.canary.chmod(0o777)
        (self.canary / "secret.txt").write_text(_CANARY)
        (self.canary / "home" / ".ssh").mkdir(parents=True)
        (self.canary / "home" / ".ssh" / "id_rsa").write_text("PRIVATE KEY of the host\n")
        os.environ["SBX_CANARY_ENV"] = SECRET
        self.hits: list[str] = []
        self._sockets = [
            _listen(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            _listen(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            _listen(socket.AF_UNIX, socket.SOCK_STREAM, str(self.canary / "socket")),
            _listen(socket.AF_UNIX, socket.SOCK_STREAM, f"\0codeling-canary-{os.getpid()}"),
            _listen(socket.AF_UNIX, socket.SOCK_DGRAM, str(self.canary / "datagrams")),
            _listen(socket.AF_UNIX, socket.SOCK_DGRAM, f"\0codeling-datagrams-{os.getpid()}"),
        ]
        self._granted = _listen(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        threading.Thread(target=_greet, args=(self._granted,), daemon=True).start()
        for name in ("socket", "datagrams"):
            (self.canary / name).chmod(0o777)
        for listening in self._sockets:
            threading.Thread(target=self._serve, args=(listening,), daemon=True).start()
        self.victim = self._new_victim()

    def fill(self, source: str) -> str:
        """Put this host's names in place of a program's tokens."""
        tcp, udp, path, _, datagrams, _ = self._sockets
        tokens = {
            "CANARY": str(self.canary), "SECRET": SECRET, "PORT": str(tcp.getsockname()[1]),
            "UPORT": str(udp.getsockname()[1]), "SOCK": path.getsockname(), "ABS": f"codeling-canary-{os.getpid()}",
            "VICTIM": str(self.victim.pid), "PREFIX": sys.base_prefix, "TOOL": "echo", "TOOLCALL": "echo(1)",
            "TOOLCALLX": "echo(a)", "PROXIED": str(self._granted.getsockname()[1]),
            "DSOCK": datagrams.getsockname(), "DABS": f"codeling-datagrams-{os.getpid()}",
        }  # fmt: skip
        return re.sub(r"\{\{(\w+)\}\}", lambda match: tokens[match[1]], source)

    def harm(self) -> Iterator[str]:
        """Say what has changed, and put it right for the next program."""
        if self.hits:
            yield f"reached the network: {self.hits[:2]}"
            self.hits.clear()
        for path in self.canary.glob("pwned*"):
            yield f"wrote {path.name} on the host"
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        secret = self.canary / "secret.txt"
        if not secret.exists() or secret.read_text() != _CANARY:
            yield "changed a file of the host"
            secret.write_text(_CANARY)
        state = _state(self.victim.pid)
        if self.victim.poll() is not None or state not in "SR":
            yield f"harmed another process (state {state})"
            self.victim.kill()
            self.victim.wait()
            self.victim = self._new_victim()

    def close(self) -> None:
        """Take the targets away."""
        self.victim.kill()
        self.victim.wait()
        for listening in (*self._sockets, self._granted):
            listening.close()
        self._folder.cleanup()

    def _serve(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                came = None if listening.type == socket.SOCK_DGRAM else listening.accept()[0]
                if came is None:
                    listening.recv(100)
                self.hits.append(str(listening.getsockname()))
                if came is not None:  # only now: whoever waits for its end must not be done before it is noted
                    came.close()

    @staticmethod
    def _new_victim() -> subprocess.Popen[bytes]:
        nothing = subprocess.DEVNULL
        return subprocess.Popen(["sleep", "3600"], stdin=nothing, stdout=nothing, stderr=nothing)


def _greet(listening: socket.socket) -> None:
    """Serve the one port that programs with a network may reach: nothing that comes there is an escape."""
    with suppress(OSError):
        while True:
            connection = listening.accept()[0]
            with connection, suppress(OSError):
                connection.settimeout(1)
                if connection.recv(4096)[:1] == b"\x16":
                    connection.sendall(b"greeted")
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")


def _listen(family: int, kind: int, address: Any) -> socket.socket:
    listening = socket.socket(family, kind)
    listening.bind(address)
    if kind == socket.SOCK_STREAM:
        listening.listen()
    return listening


def _state(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return "gone"


async def attack(path: Path, executor: Any, targets: Targets) -> Finding:
    """Run one program in a fresh session and look at everything that it might have done."""
    source = path.read_text(encoding="utf-8")
    header = dict(re.findall(r"^# (\w+): (.*)$", source, re.MULTILINE))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    problems: list[str] = []
    seen = await _run(targets.fill(source), executor)
    said = f"{seen.outcome.output} {seen.outcome.value} {seen.after.output}"
    if "ESCAPED" in said and not ("udp_send" in path.name and not targets.hits):
        problems.append(f"ESCAPED: {said[said.find('ESCAPED') :][:120]}")
    if path.stem.endswith("random_state") and "None" not in str(seen.outcome.answer):
        again = (await _run(targets.fill(source), executor)).outcome
        if again.answer == seen.outcome.answer:
            problems.append(f"the same random numbers in two sandboxes: {again.answer}")
    expect = header.get("expect", "contained")
    if expect == "contained" and seen.after.value != "42":  # the program may spoil its own interpreter, and no other
        seen = replace(seen, after=(await _run(_AFTER, executor)).after)
    problems += _expected(expect, seen, forges=bool(re.search(r"\bos\.write\(|\.send|shutdown", source)))
    problems += targets.harm()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) // 1024
    if grown > 150:
        problems.append(f"the host's memory grew by {grown} MiB")
    problems += _left_behind(seen.worker)
    return Finding(path.stem, not problems, "; ".join(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    outcome: Outcome
    after: Outcome
    """What the next step did."""
    same: bool
    """Whether that was in the same interpreter."""
    worker: int
    late: int
    """Calls of the program that were served after its end."""


async def _run(source: str, executor: Any) -> _Seen:
    """Run a program and then another in the same session."""
    seed = SystemRandom().randrange(1 << 32)
    session = await executor.open(SessionSpec(tools={"echo": _STUB}, seed=seed))
    worker = session._connection.pid

    running, late = 0, list[str]()

    def lives() -> bool:
        return session._connection is not None and lives()

    async def on_call(call: ToolCall) -> Any:
        if running > 2:
            late.append(call.name)
        return call.args[0] if call.args else None

    async def step(code: str, number: int) -> Outcome:
        nonlocal running
        running = number
        done: Outcome = await session.run(code, step=number, on_call=on_call, on_output=lambda text: None)
        return done

    try:
        outcome = await step(source, 1)
        if re.search(r"^\s*result = ", source, re.MULTILINE) and not outcome.lost:
            crossing = await step("final_answer(result)", 2)
            outcome = crossing if crossing.lost or crossing.final else outcome
        if "thread" in source:
            await asyncio.sleep(0.6)  # a thread that was left behind gets its chance
        after = await step(_AFTER, 3)
        same = not (outcome.lost or after.lost) and session._connection.pid == worker
        after = await step(_AFTER, 4) if after.lost else after
        return _Seen(outcome=outcome, after=after, same=same, worker=worker, late=len(late))
    finally:
        session.close()


def _expected(expect: str, seen: _Seen, *, forges: bool) -> Iterator[str]:
    if seen.after.value != "42":
        yield f"the next step does not work: {seen.after.error or seen.after.value}"
    if expect == "denied" and not seen.same:
        yield f"the session was to live: {seen.outcome.error or seen.after.error}"
    refused = "PermissionError" in (seen.outcome.error or "") or "DENIED" in seen.outcome.output
    if expect == "protocol" and seen.same and forges and not refused:  # what was never sent needs no ending
        yield "the host did not end the session"
    if seen.late:
        yield f"{seen.late} calls were served for a program that had ended"


def _left_behind(worker: int) -> Iterator[str]:
    end = time.monotonic() + 2
    while (left := _state(worker)) not in ("gone", "Z") and time.monotonic() < end:
        time.sleep(0.02)
    if left not in ("gone", "Z"):
        yield "a process was left behind"
        os.kill(worker, signal.SIGKILL)
    size, files = folders.usage(str(folders.base_folder(os.getpid())), most_bytes=128 << 20, most_files=10_000)
    if size > 128 << 20 or files > 10_000:
        yield f"{size >> 20} MiB in {files} files were left behind"


def _shards(options: argparse.Namespace) -> list[Finding]:
    """Run the programs in several processes, each with targets of its own."""
    command = [sys.executable, "-m", "codeling.sandbox.attack", str(options.folder), "--json", "--only", options.only]
    command += ["--isolation", options.isolation] if options.isolation else []
    command += ["--landlock", str(options.landlock)]
    shards = [
        subprocess.Popen([*command, "--shard", f"{number}/{options.jobs}"], stdout=subprocess.PIPE, text=True)
        for number in range(options.jobs)
    ]
    findings = [Finding(**found) for shard in shards for found in json.loads(shard.communicate()[0] or "[]")]
    return sorted(findings, key=lambda finding: finding.program)


def _sequence(options: argparse.Namespace) -> list[Finding]:
    number, _, count = options.shard.partition("/")
    programs = sorted(path for path in options.folder.glob("*.py") if options.only in path.name)
    make = load("codeling.executors.sandbox:SandboxExecutor")
    targets, findings = Targets(), []
    try:
        for path in programs[int(number) :: int(count)]:
            asked = re.search(r"^# options: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            more = json.loads(targets.fill(asked[1])) if asked else {}
            if more and options.isolation == "strong":
                continue  # such options are refused there
            executor = make(isolation=options.isolation, memory=1 << 30, timeout=2.0, **more)
            executor._options = replace(executor._options, landlock=options.landlock)
            findings.append(asyncio.run(attack(path, executor, targets)))
            if not options.json:
                print(f"{'held' if findings[-1].passed else 'FAILED':7}{path.stem}  {findings[-1].why}", flush=True)
    finally:
        targets.close()
    return findings


def main(arguments: list[str] | None = None) -> int:
    """Run every program of a folder; 0 if the wall held them all, 1 if not."""
    parser = argparse.ArgumentParser(
        prog="python -m codeling.sandbox.attack", description=str(__doc__).partition("\n")[0]
    )
    parser.add_argument("folder", type=Path, help="attack programs, each with a header that says what must happen")
    parser.add_argument("--isolation", choices=("full", "strong"), help="the wall to attack; the best by default")
    parser.add_argument("--json", action="store_true", help="print a list of program, passed and why")
    parser.add_argument("--only", default="", help="only programs whose name holds this")
    parser.add_argument("--jobs", type=int, default=1, help="run in so many processes at once")
    parser.add_argument("--landlock", type=int, default=99, help="use no newer Landlock than this, as older kernels")
    parser.add_argument("--shard", default="0/1", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    findings = _shards(options) if options.jobs > 1 else _sequence(options)
    held = sum(finding.passed for finding in findings)
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        if options.jobs > 1:
            print("\n".join(f"FAILED {found.program}  {found.why}" for found in findings if not found.passed))
        print(f"{held} of {len(findings)} held")
    return 0 if findings and held == len(findings) else 1


if __name__ == "__main__":
    sys.exit(main())
