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

    Its programs may call the other tools of a `ToolCallingAgent`, by that agent's rules, unless `tools=False`.
    `executor` is where, by default the sandbox of this machine; `authorized_imports` are the only modules besides the
    standard library's that may be imported, by default whatever is installed.
    """

    name = "python_interpreter"
    description = (
        "Run Python code in a fresh interpreter without files or network, where your other tools are functions. Gives "
        "what it prints and the value of its last line. Nothing is kept for the next call, so write whole programs."
    )
    inputs: Mapping[str, Mapping[str, Any]] = {"code": {"type": "string", "description": "the Python code to run"}}
    output_type = "string"
    effect: Effect = "idempotent"

    def __init__(
        self, *, authorized_imports: Sequence[str] | None = None, timeout_seconds: float = 30.0,
        executor: Executor | str | None = None, tools: bool = True,
    ) -> None:  # fmt: skip
        self._imports = None if authorized_imports is None or "*" in authorized_imports else tuple(authorized_imports)
        self._timeout, self._given, self._calls = timeout_seconds, executor, tools
        if not tools:
            self.description = self.description.replace(", where your other tools are functions", " and has no tools")

    def setup(self) -> None:
        """Find the executor."""
        if self._given is None:
            self._executor = load("codeling.executors.sandbox:SandboxExecutor")(timeout=self._timeout)
        else:
            self._executor = load("codeling.executors.registry:executor_from")(self._given)

    async def forward(self, code: str) -> str:
        """Run it. Raises `ToolError` with what was printed and the traceback where it fails."""
        inner = load("codeling.forms.inner:inner")() if self._calls else None
        tools = {name: tool.stub for name, tool in inner.tools.items() if tool is not self} if inner else {}
        gate: Any = load("codeling.approvals.pausing:Gate")(inner) if inner else None
        session = await self._executor.open(SessionSpec(tools=tools, imports=self._imports))
        try:
            program = session.run(code, step=1, on_call=gate or _no_calls, on_output=lambda text: None)
            outcome = await (gate.through(program) if gate else program)
        finally:
            session.close()
        printed = f"Stdout:\n{outcome.output.rstrip()}\n" if outcome.output else ""
        if outcome.error:
            raise ToolError(f"{printed}{outcome.error}")
        value = repr(outcome.answer) if outcome.final else outcome.value
        return f"{printed}Output: {value}"


async def _no_calls(call: ToolCall, /) -> Any:
    raise ToolError(f"there is no function {call.name!r} in this interpreter")
