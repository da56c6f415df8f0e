"""What a model was shown, rebuilt from the events of its run.

The fold is the loop's own (`memory.Memory`), with the tools and instructions that the run stored and
with this version's rules and examples. What a run does not store, such as the asked type of the
answer, is not there.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ..events import Event, RunStarted, StepStarted
from ..lookup import load
from ..messages import Message

__all__ = ("Conversation",)


class Conversation:
    """The messages of one run, as far as its events are known. Add every durable event, in its order."""

    def __init__(self, started: RunStarted, *, code: bool, before: Conversation | None = None) -> None:
        """Begin with a run that acts by code or by calls, perhaps as the continuation of another."""
        self._last = started.max_steps
        self._memory: Any
        if before:
            self._memory = before._memory.copy()
            return
        kind = load("codeling.prompt:CodeForm" if code else "codeling.forms.calling:CallingForm")
        tools = [SimpleNamespace(stub=str(stub)) for stub in started.tools.values()] if code else []
        self._memory = load("codeling.memory:Memory")(kind(tools, instructions=started.instructions))

    @property
    def messages(self) -> list[Message]:
        """What the model would be shown now."""
        return list(self._memory.messages)

    def add(self, event: Event) -> None:
        """Take one event in."""
        if isinstance(event, StepStarted) and event.step == self._last + 1:
            self._memory.add_message(self._memory.form.last_call())
        self._memory.add(event)
