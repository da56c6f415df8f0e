"""How a command line made an agent: kept with each of its runs, and taken up by the commands that go on with one.

What is kept are names, paths and texts of the command line itself: never a key, nor an address that holds one.
"""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..events import Event, RunStarted
from ..journals.events import AgentDescribed, RunResumed
from ..lookup import load
from ..messages import ToolCall

__all__ = ("DescribingJournal", "describing_journal", "take_over")

_DEFAULTS: Mapping[str, Any] = {
    "model": None, "tools": [], "agent": "code", "instructions": None, "max_steps": 20, "executor": None,
    "imports": None, "api_base": None, "api_key_env": None, "browser": None,
}  # fmt: skip
"""What is kept, with what holds where neither the command line nor the run says anything."""
_LEFT_OUT = "…"
_ADDRESSES = ("api_base", "executor")


def describing_journal(options: Namespace) -> DescribingJournal:
    """Give the journal that the options name, which keeps them too."""
    journal = load("codeling.journals.registry:journal_from")(options.journal)
    return DescribingJournal(journal, _described(options), resumed=getattr(options, "resumed", None))


def _described(options: Namespace) -> dict[str, Any]:
    """Give what is to be kept of the options: what is not as it is by default."""
    kept = {name: getattr(options, name, None) for name in _DEFAULTS}
    kept["tools"] = [str(Path(name).resolve()) if name.endswith(".py") else name for name in options.tools or ()]
    kept.update({name: _without_keys(kept[name]) for name in _ADDRESSES})
    kept = {name: value for name, value in kept.items() if value is not None and value != _DEFAULTS[name]}
    masked: dict[str, Any] = load("codeling.secrets.masking:masked")(kept)
    return masked


def take_over(options: Namespace, past: Sequence[Event]) -> None:
    """Fill in what the options leave open: with what the run was begun, or last resumed, with.

    Another model is not asked at the old one's server. Raises `UsageError` where something is missing
    that was not kept.
    """
    kept = _kept_with(past)
    if kept is None and options.model is None:
        raise UsageError(
            "the run was not begun by a command, so how its agent is made is not known: say --model (such as local) "
            "and --tools"
        )
    own = kept or {}
    if options.model is not None:
        own = {name: value for name, value in own.items() if name not in ("api_base", "api_key_env")}
    if options.agent == "calls":
        own = {name: value for name, value in own.items() if name not in ("executor", "imports")}
    for name, default in _DEFAULTS.items():
        if getattr(options, name, None) is None:
            setattr(options, name, own.get(name, default))
    for name in _ADDRESSES:
        if _LEFT_OUT in (getattr(options, name) or ""):
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(f"the run's {flag} held a user or a query, which are not kept: say {flag} again")


def _kept_with(past: Sequence[Event]) -> Mapping[str, Any] | None:
    """Give what was kept with a run, or None where it was not begun by a command."""
    return next((event.options for event in reversed(past) if isinstance(event, AgentDescribed)), None)


def _without_keys(address: str | None) -> str | None:
    """Give an address with neither user nor query, and a mark where there was one."""
    if address is None or "://" not in address:
        return address
    return re.sub(r"\?.*", f"?{_LEFT_OUT}", re.sub(r"://[^/@]*@", f"://{_LEFT_OUT}@", address))


class DescribingJournal:
    """A journal that keeps with each new run, and with the one that is resumed, how its agent was made."""

    def __init__(self, journal: Any, options: Mapping[str, Any], *, resumed: str | None = None) -> None:
        self._journal, self._options, self._resumed = journal, options, resumed
        self.anywhere = bool(getattr(journal, "anywhere", False))

    async def append(self, event: Event, /) -> None:
        """Keep the event, and after the first one of a run how its agent was made. Raises `JournalError`."""
        await self._journal.append(event)
        begun = isinstance(event, RunStarted) and event.parent_id is None
        if begun or (isinstance(event, RunResumed) and event.run_id == self._resumed):
            await self._journal.append(AgentDescribed(run_id=event.run_id, at=event.at, options=self._options))

    def read(self, run_id: str, /) -> AsyncIterator[Event]:
        """Give a run's events in their order."""
        found: AsyncIterator[Event] = self._journal.read(run_id)
        return found

    def key(self, call: ToolCall, /) -> str:
        """Give a text that is the same for equal calls."""
        return str(self._journal.key(call))

    def run_ids(self) -> AsyncIterator[str]:
        """Give the runs that the journal holds, newest first."""
        found: AsyncIterator[str] = self._journal.run_ids()
        return found

    def hold(self, run_id: str, /) -> AbstractAsyncContextManager[bool]:
        """Hold a run while the context lasts."""
        held: AbstractAsyncContextManager[bool] = self._journal.hold(run_id)
        return held
