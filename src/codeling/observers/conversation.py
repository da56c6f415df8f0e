"""What a model was shown, rebuilt from the events of its run.

The fold is the loop's own (`memory.Memory`), with the tools and instructions that the run stored and
with this version's rules and examples. What a run does not store, such as the asked type of the
answer, is not there.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ..events import ContextCompacted, Event, RunContinued, RunStarted, StepFinished, StepStarted
from ..lookup import load
from ..messages import Message

__all__ = ("Conversation",)


class Conversation:
    """The messages of one run, as far as its events are known. Add every durable event, in its order.

    Which form the run acts in is known at its first step: a run that acts by code has an interpreter then.
    """

    def __init__(self, started: RunStarted, *, before: Conversation | None = None) -> None:
        """Begin with a run, perhaps as the continuation of another."""
        self._started = started
        self._early: list[Event] = []
        self._memory: Any = before._memory.copy() if before and before._memory else None
        self.rewritten = False
        """Whether more than the end of the messages may have changed; whoever looks at them sets it back."""

    @property
    def messages(self) -> list[Message]:
        """What the model would be shown now. It goes on changing: copy what is to be kept."""
        return self._memory.messages if self._memory else []

    def add(self, event: Event) -> None:
        """Take one event in."""
        if self._memory:
            self._take(event)
            return
        self._early.append(event)
        if isinstance(event, StepStarted):
            self._memory = self._begun()
            for early in self._early:
                self._take(early)

    def _begun(self) -> Any:
        code = any(isinstance(early, RunContinued) for early in self._early)
        kind = load("codeling.prompt:CodeForm" if code else "codeling.forms.calling:CallingForm")
        tools = [SimpleNamespace(stub=str(stub)) for stub in self._started.tools.values()] if code else []
        return load("codeling.memory:Memory")(kind(tools, instructions=self._started.instructions))

    def _take(self, event: Event) -> None:
        kind = type(event)
        if kind is StepStarted:
            if event.step == self._started.max_steps + 1:  # type: ignore[attr-defined]  # mypy knows no `type(…) is`
                self._memory.add_message(self._memory.form.last_call())
        elif kind is ContextCompacted or (kind is StepFinished and event.images):  # type: ignore[attr-defined]
            self.rewritten = True
        self._memory.add(event)
