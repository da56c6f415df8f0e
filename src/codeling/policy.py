"""Who may call what: allow, ask a person, or deny. A policy decides and does nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

from .errors import UsageError
from .messages import ToolCall
from .tools import Tool

__all__ = ("Decision", "Policy", "Verdict", "policy_from")

Decision: TypeAlias = Literal["allow", "ask", "deny"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is decided about a call, and why."""

    decision: Decision
    reason: str = ""


Policy: TypeAlias = Callable[[ToolCall, Tool], "Verdict | Decision"]
"""Decides about one call of one tool; the arguments are already fitted to its signature."""


def policy_from(given: Policy | Mapping[str, Decision] | None) -> Callable[[ToolCall, Tool], Verdict]:
    """Make a policy of a function, or of a mapping from tool names, patterns or effects to decisions.

    A mapping is read in its order and the first key that fits wins: a name, a pattern such as
    `"delete_*"`, or an effect such as `"effect:irreversible"`. What no key fits is allowed,
    or asked where the tool says `needs_approval`. Raises `UsageError` for an unknown decision.
    """
    if callable(given):
        return lambda call, tool: _verdict(given(call, tool))
    rules = {key: _verdict(decision, f"the policy for {key!r}") for key, decision in (given or {}).items()}

    def decide(call: ToolCall, tool: Tool) -> Verdict:
        for key, verdict in rules.items():
            if fnmatchcase(f"effect:{tool.effect}" if key.startswith("effect:") else call.name, key):
                return verdict
        return Verdict("ask", "the tool needs approval") if tool.needs_approval else Verdict("allow")

    return decide


def _verdict(given: Verdict | Decision, reason: str = "") -> Verdict:
    verdict = given if isinstance(given, Verdict) else Verdict(given, reason)
    if verdict.decision not in ("allow", "ask", "deny"):
        raise UsageError(f"a policy decides 'allow', 'ask' or 'deny', not {verdict.decision!r}")
    return verdict
