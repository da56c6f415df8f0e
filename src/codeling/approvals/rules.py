"""Policies: a function of a call, or a mapping from tools to decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import TypeAlias, get_args

from ..errors import UsageError
from ..messages import ToolCall
from ..policy import Decision, Policy, Verdict
from ..tools import Effect, Tool
from .given import given

__all__ = ("policy_from", "rules")

_EFFECTS: tuple[str, ...] = get_args(Effect)
Decide: TypeAlias = Callable[[ToolCall, Tool], Verdict]


def policy_from(policy: Policy | Mapping[str, Decision] | None) -> Decide:
    """Make a policy of a function, or of a mapping from tool names, patterns or effects to decisions.

    Without either, a call is allowed, or asked about where the tool says `needs_approval`. Raises
    `UsageError` for an unknown decision.
    """
    if isinstance(policy, Mapping):
        return rules(policy)
    return (lambda call, tool: _verdict(policy(given(call, tool), tool))) if policy else _by_default


def rules(policy: Mapping[str, Decision | Verdict]) -> Decide:
    """Make a policy of a mapping from tool names, patterns or effects to decisions.

    It is read in its order and the first key that fits wins: a name, a pattern such as `"delete_*"`,
    or an effect such as `"effect:irreversible"`. What no key fits is decided as without a policy. Raises
    `UsageError` for an unknown decision or effect.
    """
    for key in policy:
        if not isinstance(key, str):
            raise UsageError(f"a policy knows tools by their names, such as {{'pay': 'ask'}}; not by {key!r}")
        if key.startswith("effect:") and not any(fnmatchcase(f"effect:{effect}", key) for effect in _EFFECTS):
            raise UsageError(f"a policy for {key!r} fits nothing: the effects are {', '.join(_EFFECTS)}")
    verdicts = {key: _verdict(decision, f"the policy for {key!r}") for key, decision in policy.items()}

    def decide(call: ToolCall, tool: Tool) -> Verdict:
        for key, found in verdicts.items():
            if fnmatchcase(f"effect:{tool.effect}" if key.startswith("effect:") else call.name, key):
                return found
        return _by_default(call, tool)

    return decide


def _by_default(call: ToolCall, tool: Tool) -> Verdict:
    return _ASK if tool.needs_approval else _ALLOW


def _verdict(said: Verdict | Decision, reason: str = "") -> Verdict:
    found = said if isinstance(said, Verdict) else Verdict(said, reason)
    if found.decision not in ("allow", "ask", "deny"):
        raise UsageError(f"a policy decides 'allow', 'ask' or 'deny', not {found.decision!r}")
    return found


_ASK, _ALLOW = Verdict("ask", "the tool needs approval"), Verdict("allow")
