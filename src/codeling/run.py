"""One run: its events so far, and the one way to add to them.

`emit` is write-ahead: a durable event is in the journal before anything acts on it. Here every run
is new; `durable/replay.py` has the run that gives what its journal recorded before it goes on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from copy import copy
from dataclasses import replace
from typing import TypeVar, cast

from .events import Event, ToolCallFinished, ToolCallStarted
from .limits import Spent
from .messages import ToolCall
from .protocols import Approval, Approver, Journal, Model, Observer, Session, current, running
from .tools import Tool

__all__ = ("Run", "calling", "current", "everywhere", "masks", "running")

logger = logging.getLogger(__name__)

E = TypeVar("E", bound=Event)
calling: ContextVar[ToolCallStarted | None] = ContextVar("calling", default=None)
"""The call whose tool acts here."""
everywhere: list[Observer] = []
"""Observers of every run of this process, such as `trace` puts here."""
masks: list[Callable[[Event], Event]] = []
"""Each takes from an event what nobody may read: `secrets` puts one here when there is a secret."""


class Run:
    """The events of one run, and its budget."""

    def __init__(
        self, id: str, *, spent: Spent, observers: Sequence[Observer] = (), journal: Journal | None = None,
        fold: Callable[[Event], None] = lambda event: None,
    ) -> None:  # fmt: skip
        self.id, self.spent = id, spent
        self.observers = (*observers, *(seen for seen in everywhere if seen not in observers))
        self.journal, self._fold = journal, fold
        self.events: list[Event] = []
        self.model: Model | None = None
        self.approver: Approver | None = None
        """Answers for this run only, before the agent's own is asked."""
        self.person: Approver | None = None
        """Whichever of the two answers."""
        self.allowed: dict[str, Approval] = {}
        """What a person said about every further call of a tool in this run."""
        self.live = True
        """Whether what happens now happens for the first time."""
        self.session: Session | None = None
        """The interpreter that the run's programs share."""

    async def emit(self, event: E) -> E:
        """Store a new event, take it in, and show it. Gives it with its run and time filled in."""
        event = copy(event) if event.run_id else event
        object.__setattr__(event, "run_id", self.id)  # it is not out yet: nobody sees it change
        object.__setattr__(event, "at", time.time())
        for mask in masks:
            event = cast("E", mask(event))
        if self.journal:
            await self.journal.append(event)
        self.note(event)
        self.show(event)
        return event

    def note(self, event: Event) -> None:
        """Take in an event that is stored."""
        self.events.append(event)
        self._fold(event)

    def show(self, event: Event) -> None:
        """Show an event to whoever watches."""
        if not event.run_id and self.observers:
            event = replace(event, run_id=self.id, at=time.time())
            for mask in masks:
                event = mask(event)
        for observer in self.observers:
            try:
                observer(event)
            except Exception:  # foreign code: what an observer does wrong must not harm the run
                logger.exception("observer %r failed on %s", observer, type(event).__name__)

    def replayed(self, kind: type[E]) -> E | None:
        """Take the loop's next event from the journal, or None where it has to happen now."""
        return None

    async def recalled(self, call: ToolCall, tool: Tool) -> ToolCallFinished | ToolCallStarted | Approval | None:
        """Give how far an equal call came before, each once: ended, begun, decided about; or None where it is new."""
        return None
