"""Whether an agent's settings can be meant so: said when the agent is made, not in the middle of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ..errors import UsageError
from ..limits import Limits
from ..lookup import load

__all__ = ("check",)

_COUNTS = {"max_steps": 0, "planning_interval": 0, "context_window": 1}
"""Settings that are whole numbers, with the least that each may be."""


def check(agent: Any) -> None:
    """Raise `UsageError` for a setting that cannot be meant so."""
    for name, least in _COUNTS.items():
        value = getattr(agent, name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise UsageError(f"{name} is a whole number from {least} on, not {value!r}")
    _check_limits(agent.limits)
    if agent.approver is not None and not callable(agent.approver):
        raise UsageError(f"an approver is a function of the call and the reason, not {agent.approver!r}")
    if agent.policy is not None and not callable(agent.policy) and not isinstance(agent.policy, Mapping):
        raise UsageError(
            f"a policy is a dict such as {{'pay': 'ask'}}, or a function of the call and the tool; not {agent.policy!r}"
        )
    load("codeling.approvals.rules:policy_from")(agent.policy)


def _check_limits(limits: Any) -> None:
    if limits is None:
        return
    if not isinstance(limits, Limits):
        raise UsageError(f"limits are such as Limits(model_calls=20, seconds=60), not {limits!r}")
    for field in fields(limits):
        value = getattr(limits, field.name)
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0):
            raise UsageError(f"Limits({field.name}=…) is a number from 0 on, not {value!r}")
