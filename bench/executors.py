"""Each executor that can be had here: the start of a session, one tool call, and 5,000 calls of one program.

Containers are Podman's, the vendors are loopback servers of the tests: their numbers are what our side and the SDKs
take, without any network. What is not installed or fails is left out, and said. Figures go into a table of their own;
the rows say whether every one of the 5,000 calls came back.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import codeling
from codeling.messages import ToolCall
from codeling.protocols import SessionSpec

from .rows import Row, aligned, duration

__all__ = ("rows",)

Place: TypeAlias = Callable[[ExitStack], Any]
"""Starts what an executor needs, to be ended with the stack, and gives the executor. Raises where it cannot be had."""

_STARTS, _CALLS, _MANY = 3, 200, 5000
_PATIENCE = 1200.0
"""Seconds that one executor may take; then it is left out."""
_STUB = {"look_up": "def look_up(key: str) -> int:\n    'Give how many are in stock.'"}
_PROGRAM = (
    "import time\nlook_up('pears')\nbegan = time.perf_counter()\n"
    f"for _ in range({_CALLS}):\n    look_up('pears')\n(time.perf_counter() - began) / {_CALLS}"
)
_COUNTING = f"total = 0\nfor _ in range({_MANY}):\n    total += look_up('pears')\ntotal"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """What an executor took, in seconds."""

    start: float
    call: float
    many: float
    back: int
    """How many of the many calls came back."""


def rows() -> Iterator[Row]:
    """Measure each, print the table of figures, and say of each whether a call was lost."""
    found: dict[str, _Measured] = {}
    for name, place in _PLACES.items():
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        try:
            with ExitStack() as stack:
                executor = place(stack)
                stack.callback(_wait_for_removals)
                found[name] = asyncio.run(asyncio.wait_for(_measured(executor), _PATIENCE))
        except Exception as error:  # foreign code: services, vendors' libraries
            print(f"{name} is left out: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr, flush=True)
    figures = [
        (name, duration(one.start), duration(one.call), duration(one.many)) for name, one in found.items()
    ]  # fmt: skip
    head = ("executor", "start of a session", "one tool call", f"{_MANY:,} calls")
    print("\n".join(aligned([head, *figures])), end="\n\n", flush=True)
    for name, one in found.items():
        yield Row(
            name=f"{name}: calls of {_MANY:,} that came back", ours=f"{one.back:,}", target=f"{_MANY:,}",
            met=one.back == _MANY,
        )  # fmt: skip


async def _measured(executor: Any) -> _Measured:
    """Start it some times, and have a program of each session call; the last one calls many times."""
    spec, starts, calls, answered = SessionSpec(tools=_STUB), [], [], 0

    async def answer(call: ToolCall) -> int:
        nonlocal answered
        answered += 1
        return 1

    async def run(session: Any, code: str, step: int) -> float:
        outcome = await session.run(code, step=step, on_call=answer, on_output=lambda text: None)
        if outcome.error or outcome.value is None:
            raise RuntimeError(outcome.error or "the program gave no value")
        return float(outcome.value)

    for _ in range(_STARTS):
        since = time.perf_counter()
        session = await executor.open(spec)
        starts.append(time.perf_counter() - since)
        calls.append(await run(session, _PROGRAM, 1))
        if len(starts) < _STARTS:
            session.close()
    answered, since = 0, time.perf_counter()
    total = await run(session, _COUNTING, 2)
    many = time.perf_counter() - since
    session.close()
    back = min(answered, int(total))
    return _Measured(start=statistics.median(starts), call=statistics.median(calls), many=many, back=back)


def _wait_for_removals() -> None:
    """Let what sessions held be removed, before the service that removes it is gone."""
    for thread in threading.enumerate():
        if thread.name.startswith("codeling-remove"):
            thread.join(60)


def _folder(stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory()))


def _docker(stack: ExitStack, **options: Any) -> Any:
    from tests.executors import podman

    if why := podman.missing():
        raise RuntimeError(why)
    url = stack.enter_context(podman.service(_folder(stack)))
    return codeling.DockerExecutor(podman.image_name(), base_url=url, timeout=_PATIENCE, **options)


def _ssh(stack: ExitStack) -> Any:
    from tests.executors import sshd

    if why := sshd.missing():
        raise RuntimeError(why)
    host = stack.enter_context(sshd.service(_folder(stack)))
    return codeling.SSHExecutor(
        "127.0.0.1", port=host.port, options=host.options, python=sys.executable, timeout=_PATIENCE
    )


def _jupyter(stack: ExitStack) -> Any:
    from tests.executors import gateway

    at = stack.enter_context(gateway.service(_folder(stack)))
    return codeling.JupyterExecutor(at, token=gateway.TOKEN, timeout=_PATIENCE)


def _pyodide(stack: ExitStack) -> Any:
    from tests.executors import pyodide_package

    home, why = pyodide_package.prepare()
    if why:
        raise RuntimeError(why)
    return codeling.PyodideExecutor(pyodide=home, timeout=_PATIENCE)


def _e2b(stack: ExitStack) -> Any:
    from tests.executors import conftest, e2b_server

    server = e2b_server.Server()
    stack.callback(server.close)
    stack.enter_context(
        conftest.environment(E2B_API_URL=server.url, E2B_SANDBOX_URL=server.url, E2B_HTTP_VERSION="1.1")
    )
    return codeling.E2BExecutor(api_key=e2b_server.KEY, python=sys.executable, timeout=_PATIENCE)


def _modal(stack: ExitStack) -> Any:
    from tests.executors import conftest, modal_server

    server = modal_server.Server()
    stack.callback(server.close)
    stack.enter_context(conftest.environment(MODAL_SERVER_URL=server.url))
    token, secret = modal_server.TOKEN
    return codeling.ModalExecutor(token_id=token, token_secret=secret, python=sys.executable, timeout=_PATIENCE)


def _blaxel(stack: ExitStack) -> Any:
    from tests.executors import conftest, web_server

    server = web_server.Blaxel()
    stack.callback(server.close)
    stack.enter_context(conftest.environment(BL_API_KEY=web_server.BLAXEL_KEY, BL_WORKSPACE="bench", DO_NOT_TRACK="1"))
    from blaxel.core.client.client import client

    client._base_url = f"{server.url}/v0"  # the SDK has no setting for it
    return codeling.BlaxelExecutor(region="us-pdx-1", python=sys.executable, timeout=_PATIENCE)


def _daytona(stack: ExitStack) -> Any:
    from tests.executors import web_server

    server = web_server.Daytona()
    stack.callback(server.close)
    return codeling.DaytonaExecutor(
        api_key=web_server.DAYTONA_KEY, api_url=f"{server.url}/api", python=sys.executable, timeout=_PATIENCE
    )


_PLACES: Mapping[str, Place] = {
    "SandboxExecutor": lambda stack: codeling.SandboxExecutor(timeout=_PATIENCE),
    "UnsafeLocalExecutor": lambda stack: codeling.UnsafeLocalExecutor(timeout=_PATIENCE),
    "CommandExecutor, this Python": lambda stack: codeling.CommandExecutor([sys.executable], timeout=_PATIENCE),
    "SSHExecutor, loopback": _ssh,
    "DockerExecutor, Podman with runc": _docker,
    "DockerExecutor, the same, warm": lambda stack: _docker(stack, warm=True),
    "JupyterExecutor, a kernel gateway": _jupyter,
    "PyodideExecutor, Deno": _pyodide,
    "MontyExecutor": lambda stack: codeling.MontyExecutor(timeout=_PATIENCE),
    "E2BExecutor, its SDK on loopback": _e2b,
    "ModalExecutor, its SDK on loopback": _modal,
    "BlaxelExecutor, its SDK on loopback": _blaxel,
    "DaytonaExecutor, its SDK on loopback": _daytona,
}
