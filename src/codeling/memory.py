"""What the model is shown of a run: its events folded into messages, one after the other.

The fold is pure: the same events give the same messages. It appends, so a step costs the same at the
start of a run and after a thousand steps, and a provider's prompt cache holds. Two things it takes back:
what compaction has shortened, and a step that did the very same as the one before (`forms/repeats.py`).
"""

from __future__ import annotations

from copy import copy

from .events import (  # isort: skip
    AnswerRejected, ContextCompacted, Event, ModelReplied, PlanMade, RunContinued, RunStarted, StepFinished,
    ToolCallDenied, ToolCallFinished,
)  # fmt: skip
from .lookup import load
from .messages import Message
from .prompt import Form, say

__all__ = ("Memory",)


class Memory:
    """The conversation so far."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self._replied: ModelReplied | None = None
        self._results: dict[str, ToolCallFinished] = {}
        self.done: object = None
        """What the last step did, as `forms.repeats` knows it."""
        self.repeats = 0
        """How often in a row the model has done the very same."""
        self.messages: list[Message] = form.opening()

    def copy(self) -> Memory:
        """Give a conversation that goes on from here on its own."""
        memory = copy(self)
        memory.messages = list(self.messages)
        return memory

    def add(self, event: Event) -> None:
        """Take one event in."""
        match event:
            case ToolCallFinished(call_id=call_id):
                self._results[call_id] = event
            case RunStarted():
                self.add_message(self.form.task(event))
            case RunContinued(fresh=True) if self._replied:
                self.add_message(Message(role="user", content="The variables of your earlier programs are gone."))
            case ContextCompacted():
                self.messages = load("codeling.compaction.shrinking:compacted")(self.messages, event)
            case PlanMade(plan=plan):
                self.add_message(Message(role="user", content=f"Your plan:\n{plan}\nNow carry it out."))
            case ModelReplied(reply=reply):
                self._replied, self._results = event, {}
                self.add_message(
                    Message(role="assistant", content=self.form.said(reply.content),
                            calls=reply.calls if self.form.schemas else (),
                            reasoning=reply.reasoning, extra=reply.extra)
                )  # fmt: skip
            case ToolCallDenied(call=call, reason=reason):
                self._results[call.id] = ToolCallFinished(call_id=call.id, error=reason)
            case StepFinished() if self._replied:
                load("codeling.forms.repeats:observe")(self, event, self._replied.reply, self._results)
            case AnswerRejected(reason=reason):
                self.add_message(Message(role="user", content=f"This answer was not accepted: {reason}\nTry again."))

    def add_message(self, message: Message) -> None:
        """Say something, joined to what was said just before by the same side."""
        say(self.messages, message)
