"""Python for agents that act by JSON calls; a code agent has it already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ToolError
from ..lookup import load
from ..messages import ToolCall
from ..protocols import Executor, SessionSpec
from ..tools import Effect, Tool

__all__ = ("PythonInterpreterTool",)


class PythonInterpreterTool(Tool):
    """Runs Python behind the wall, each call in a fresh interpreter: nothing is kept from one call to the next.

    `executor` is where, by default the sandbox of this machine; `authorized_imports` are the only modules besides the
    standard library's that may be imported, by default whatever is installed.
    """

    name = "python_interpreter"
    description = (
        "Run Python code in a fresh interpreter without files or network. Gives what it prints and the value of its "
        "last line. Nothing is kept for the next call, so write whole programs."
    )
    inputs: Mapping[str, Mapping[str, Any]] = {"code": {"type": "string", "description": "the Python code to run"}}
    output_type = "string"
    effect: Effect = "idempotent"

    def __init__(
        self, *, authorized_imports: Sequence[str] | None = None, timeout_seconds: float = 30.0,
        executor: Executor | str | None = None,
    ) -> None:  # fmt: skip
        self._imports = None if authorized_imports is None or "*" in authorized_imports else tuple(authorized_imports)
        self._timeout, self._given = timeout_seconds, executor

    def setup(self) -> None:
        """Find the executor."""
        if self._given is None:
            self._executor = load("codeling.executors.sandbox:SandboxExecutor")(timeout=self._timeout)
        else:
            self._executor = load("codeling.executors.registry:executor_from")(self._given)

    async def forward(self, code: str) -> str:
        """Run it. Raises `ToolError` with what was printed and the traceback where it fails."""
        session = await self._executor.open(SessionSpec(imports=self._imports))
        try:
            outcome = await session.run(code, step=1, on_call=_no_calls, on_output=lambda text: None)
        finally:
            session.close()
        printed = f"Stdout:\n{outcome.output.rstrip()}\n" if outcome.output else ""
        if outcome.error:
            raise ToolError(f"{printed}{outcome.error}")
        value = repr(outcome.answer) if outcome.final else outcome.value
        return f"{printed}Output: {value}"


async def _no_calls(call: ToolCall, /) -> Any:
    raise ToolError(f"there is no function {call.name!r} in this interpreter")
