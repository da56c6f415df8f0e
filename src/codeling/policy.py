"""Who may call what: allow, ask a person, or deny. A policy decides and does nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from .errors import UsageError
from .lookup import load
from .messages import ToolCall
from .tools import Tool

__all__ = ("Decision", "Policy", "Verdict", "by_default", "policy_from", "verdict")

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

    What a mapping means is said in `approvals.rules`. Without either, a call is allowed, or asked
    about where the tool says `needs_approval`. Raises `UsageError` for an unknown decision.
    """
    if isinstance(given, Mapping):
        return cast("Callable[[ToolCall, Tool], Verdict]", load("codeling.approvals.rules:rules")(given))
    return (lambda call, tool: verdict(given(call, tool))) if given else by_default


def by_default(call: ToolCall, tool: Tool) -> Verdict:
    """What holds for a call that no rule speaks of."""
    return Verdict("ask", "the tool needs approval") if tool.needs_approval else Verdict("allow")


def verdict(given: Verdict | Decision, reason: str = "") -> Verdict:
    """Give a decision as a verdict. Raises `UsageError` for one that is unknown."""
    found = given if isinstance(given, Verdict) else Verdict(given, reason)
    if found.decision not in ("allow", "ask", "deny"):
        raise UsageError(f"a policy decides 'allow', 'ask' or 'deny', not {found.decision!r}")
    return found
