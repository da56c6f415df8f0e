"""A policy as a mapping from tools to decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from ..messages import ToolCall
from ..policy import Decision, Verdict, by_default, verdict
from ..tools import Tool

__all__ = ("rules",)


def rules(given: Mapping[str, Decision | Verdict]) -> Callable[[ToolCall, Tool], Verdict]:
    """Make a policy of a mapping from tool names, patterns or effects to decisions.

    It is read in its order and the first key that fits wins: a name, a pattern such as `"delete_*"`,
    or an effect such as `"effect:irreversible"`. What no key fits is decided as without a policy.
    Raises `UsageError` for an unknown decision.
    """
    verdicts = {key: verdict(decision, f"the policy for {key!r}") for key, decision in given.items()}

    def decide(call: ToolCall, tool: Tool) -> Verdict:
        for key, found in verdicts.items():
            if fnmatchcase(f"effect:{tool.effect}" if key.startswith("effect:") else call.name, key):
                return found
        return by_default(call, tool)

    return decide
