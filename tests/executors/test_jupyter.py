"""Workers beside kernels of a real kernel gateway: kernels that are made for a session, and kernels of yours."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from codeling import JupyterExecutor, RunContinued, SandboxError, tool

from . import gateway
from .conftest import until
from .helpers import run

pytestmark = pytest.mark.timeout(600)  # kernels start slowly on a busy machine


def ask(url: str, path: str = "", method: str = "GET") -> Any:
    """Ask the gateway about its kernels."""
    request = urllib.request.Request(
        f"{url}/api/kernels{path}", headers={"Authorization": f"token {gateway.TOKEN}"}, method=method
    )
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or b"null")


def kernels(url: str) -> set[str]:
    """Those that run."""
    return {str(found["id"]) for found in ask(url)}


def test_a_kernel_of_its_own_ends_with_the_session(jupyter_url: str) -> None:
    """Without `kernel_id` a kernel is started, named in the events, and ended when the session ends."""
    before = kernels(jupyter_url)
    seen: list[set[str]] = []

    @tool
    def look() -> None:
        """See which kernels there are."""
        seen.append(kernels(jupyter_url) - before)

    result = run(JupyterExecutor(jupyter_url, token=gateway.TOKEN), "look()\nfinal_answer(6 * 7)", tools=[look])
    [made] = seen[0]

    assert result.output == 42
    assert next(event.isolation for event in result.events if isinstance(event, RunContinued)) == f"jupyter:{made}"
    assert until(lambda: made not in kernels(jupyter_url))


def test_a_kernel_of_yours_stays_as_it_is(jupyter_url: str, kernel: str) -> None:
    """With `kernel_id` the kernel goes on when the session has ended, and serves the next one."""
    executor = JupyterExecutor(jupyter_url, token=gateway.TOKEN, kernel_id=kernel)
    first = run(executor, "left = 1\nfinal_answer(left)")
    second = run(executor, "final_answer('left' in globals())")

    assert (first.output, second.output) == (1, False)
    assert kernel in kernels(jupyter_url)


def test_a_kernel_that_is_shut_down_is_replaced(jupyter_url: str) -> None:
    """Ended in the middle of a program, it is told to the model with the id of the next one, and the run goes on there."""
    ended: list[str] = []

    @tool
    def end(kernel: str) -> None:
        """Shut the kernel down."""
        ended.append(kernel)
        ask(jupyter_url, f"/{kernel}", "DELETE")

    before = kernels(jupyter_url)

    @tool
    def mine() -> str:
        """Give the kernel of this session."""
        return next(iter(kernels(jupyter_url) - before))

    result = run(
        JupyterExecutor(jupyter_url, token=gateway.TOKEN), "x = 1\nend(mine())\nx", "final_answer('x' in globals())",
        tools=[end, mine],
    )  # fmt: skip
    error = result.steps[0].error or ""

    assert result.steps[0].lost
    assert "The interpreter was lost" in error and "a fresh one is ready in jupyter:" in error
    assert ended[0] not in error.partition("ready in ")[2]
    assert result.output is False


def test_no_server_and_no_such_kernel_say_what_to_do(jupyter_url: str) -> None:
    """Each names the remedy."""
    with pytest.raises(SandboxError, match=r"no Jupyter server answers at http://127.0.0.1:9: .*jupyter kernelgateway"):
        run(JupyterExecutor("http://127.0.0.1:9"), "1")
    with pytest.raises(SandboxError, match="begins with http:// or https://, unlike 'localhost:8888'"):
        run(JupyterExecutor("localhost:8888"), "1")
    with pytest.raises(SandboxError, match="gave no kernel: .*no-such"):
        run(JupyterExecutor(jupyter_url, token=gateway.TOKEN, kernel_name="no-such"), "1")
