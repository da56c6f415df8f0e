"""The metrics of runs: how long, how many tokens, how much money, and which tools failed. No content."""

from __future__ import annotations

from typing import Any

from ..messages import Reply

__all__ = ("Metrics",)

_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
"""Bounds that the GenAI conventions advise."""


class Metrics:
    """The instruments of one meter."""

    def __init__(self, meter: Any) -> None:
        def seconds(name: str, about: str) -> Any:
            return meter.create_histogram(
                name, unit="s", description=about, explicit_bucket_boundaries_advisory=list(_SECONDS)
            )

        self._chat = seconds("gen_ai.client.operation.duration", "How long a model took to reply")
        self._agent = seconds("gen_ai.invoke_agent.duration", "How long a run took")
        self._tool = seconds("gen_ai.execute_tool.duration", "How long a tool call took")
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", unit="{token}", description="Tokens of a reply",
            explicit_bucket_boundaries_advisory=list(_TOKENS),
        )  # fmt: skip
        self._cost = meter.create_counter("codeling.cost", unit="USD", description="Money, as far as prices are known")
        self._errors = meter.create_counter("codeling.tool.errors", unit="{call}", description="Tool calls that failed")

    def replied(self, agent: str, reply: Reply, seconds: float) -> None:
        """Count one reply."""
        about = {"gen_ai.operation.name": "chat", "gen_ai.request.model": reply.model, "gen_ai.agent.name": agent}
        self._chat.record(seconds, about)
        self._tokens.record(reply.usage.input_tokens, {**about, "gen_ai.token.type": "input"})
        self._tokens.record(reply.usage.output_tokens, {**about, "gen_ai.token.type": "output"})
        if reply.usage.cost > 0:
            self._cost.add(reply.usage.cost, about)

    def called(self, tool: str, seconds: float, error: str | None) -> None:
        """Count one call."""
        about = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool}
        if error is not None:
            self._errors.add(1, {**about, "error.type": error})
            about["error.type"] = error
        if tool:
            self._tool.record(max(0.0, seconds), about)

    def ended(self, agent: str, state: str, seconds: float) -> None:
        """Count one run."""
        about = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent, "codeling.run.state": state}
        self._agent.record(max(0.0, seconds), about)
