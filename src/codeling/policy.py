"""Who may call what: allow, ask a person, or deny. A policy decides and does nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .messages import ToolCall
from .tools import Tool

__all__ = ("Decision", "Policy", "Verdict")

Decision: TypeAlias = Literal["allow", "ask", "deny"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is decided about a call, and why."""

    decision: Decision
    reason: str = ""


Policy: TypeAlias = Callable[[ToolCall, Tool], "Verdict | Decision"]
"""Decides about one call of one tool, whose `kwargs` hold every argument by name, fitted; see `Approver`."""
