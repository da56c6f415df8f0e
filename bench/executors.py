"""Each executor that can be had here: the start of a session, and one tool call of a program.

Containers are Podman's, the vendors are loopback servers of the tests: their numbers are what our side and the SDKs
take, without any network. What is not installed is left out, and said.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from codeling import (
    CommandExecutor,
    DockerExecutor,
    JupyterExecutor,
    MontyExecutor,
    PyodideExecutor,
    SandboxExecutor,
    SSHExecutor,
)
from codeling.messages import ToolCall
from codeling.protocols import SessionSpec

from .rows import Row, duration

__all__ = ("rows",)

_STARTS, _CALLS = 3, 200
_STUB = {"look_up": "def look_up(key: str) -> int:\n    'Give how many are in stock.'"}
_PROGRAM = (
    "import time\nlook_up('pears')\nbegan = time.perf_counter()\n"
    f"for _ in range({_CALLS}):\n    look_up('pears')\n(time.perf_counter() - began) / {_CALLS}"
)


def rows() -> Iterator[Row]:
    """Measure each and give the medians."""
    with ExitStack() as stack:
        for name, make in _places(stack):
            try:
                start, call = asyncio.run(_measure(make()))
            except Exception as error:
                print(f"{name} is left out: {str(error)[:200]}", file=sys.stderr)
                continue
            yield Row(name=f"{name}: start of a session", ours=duration(start))
            yield Row(name=f"{name}: one tool call", ours=duration(call))


async def _measure(executor: Any) -> tuple[float, float]:
    spec, taken, calls = SessionSpec(tools=_STUB), [], []

    async def answer(call: ToolCall) -> int:
        return 12

    for _ in range(_STARTS):
        since = time.perf_counter()
        session = await executor.open(spec)
        taken.append(time.perf_counter() - since)
        outcome = await session.run(_PROGRAM, step=1, on_call=answer, on_output=lambda text: None)
        calls.append(float(outcome.value or "nan"))
        session.close()
    return statistics.median(taken), statistics.median(calls)


def _places(stack: ExitStack) -> Iterator[tuple[str, Callable[[], Any]]]:
    from tests.executors import gateway, podman, pyodide_package, sshd

    yield "sandbox", SandboxExecutor
    yield "command", lambda: CommandExecutor([sys.executable])
    monty = MontyExecutor()
    yield "monty", lambda: monty
    folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(3)]
    if not podman.missing():
        url = stack.enter_context(podman.service(folders[0]))
        yield "docker", lambda: DockerExecutor(podman.image_name(), base_url=url)
        yield "docker, warm", lambda: DockerExecutor(podman.image_name(), base_url=url, warm=True)
    if not sshd.missing():
        host = stack.enter_context(sshd.service(folders[1]))
        yield "ssh", lambda: SSHExecutor("127.0.0.1", port=host.port, options=host.options, python=sys.executable)
    yield from _vendors(stack)
    at = stack.enter_context(gateway.service(folders[2]))
    yield "jupyter", lambda: JupyterExecutor(at, token=gateway.TOKEN)
    home, missing = pyodide_package.prepare()
    if not missing:
        yield "pyodide", lambda: PyodideExecutor(pyodide=home)


def _vendors(stack: ExitStack) -> Iterator[tuple[str, Callable[[], Any]]]:
    from codeling import BlaxelExecutor, DaytonaExecutor, E2BExecutor, ModalExecutor
    from tests.executors import conftest, e2b_server, modal_server, web_server

    python = sys.executable
    e2b, modal, blaxel, daytona = e2b_server.Server(), modal_server.Server(), web_server.Blaxel(), web_server.Daytona()
    stack.enter_context(
        conftest.environment(
            E2B_API_URL=e2b.url, E2B_SANDBOX_URL=e2b.url, E2B_HTTP_VERSION="1.1", MODAL_SERVER_URL=modal.url,
            BL_API_KEY=web_server.BLAXEL_KEY, BL_WORKSPACE="bench", DO_NOT_TRACK="1",
        )
    )  # fmt: skip
    from blaxel.core.client.client import client

    client._base_url = f"{blaxel.url}/v0"
    (token, secret), key = modal_server.TOKEN, web_server.DAYTONA_KEY
    yield "e2b, loopback", lambda: E2BExecutor(api_key=e2b_server.KEY, python=python)
    yield "modal, loopback", lambda: ModalExecutor(token_id=token, token_secret=secret, python=python)
    yield "blaxel, loopback", lambda: BlaxelExecutor(region="us-pdx-1", python=python)
    yield "daytona, loopback", lambda: DaytonaExecutor(api_key=key, api_url=f"{daytona.url}/api", python=python)
