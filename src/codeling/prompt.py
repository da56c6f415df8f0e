"""What is said to the model. The words stand in `prompts/`; here they are put together.

Nothing that was said is ever changed: each step adds to the end, so that a provider's prompt cache
holds. The reading of replies is in `forms/programs.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, cast

from .events import RunStarted, StepFinished, ToolCallFinished
from .lookup import deferred, load
from .messages import Message, Reply, Role, ToolCall, ToolSchema
from .tools import Tool

__all__ = ("CodeForm", "Form", "say")


class Form:
    """A form of action: how the task, the tools and what happened are told to the model."""

    file: ClassVar[str] = "code"
    grammar = property(deferred("codeling.forms.programs:grammar_for"))
    """What replies are held to, by a model that can be: programs only."""
    schemas: tuple[ToolSchema, ...] = ()
    """Tools that the model is to call natively."""

    def __init__(
        self, tools: Iterable[Tool], *, instructions: str = "", result_type: Any = None, model: Any = None
    ) -> None:
        self.tools, self._model, self._sees = tuple(tools), model, getattr(model, "reads_images", True)
        self._instructions = instructions
        self._result_type = result_type

    def opening(self) -> list[Message]:
        """What stands before the first task: the rules and worked examples."""
        system, *examples = _prompt(self.file)
        extra = f"\n\n{self._instructions.strip()}" if self._instructions else ""
        return [Message(role="system", content=system.content + extra), *examples]

    def task(self, started: RunStarted) -> Message:
        """The task, with the functions, variables and type of answer that belong to it."""
        shown = load("codeling.forms.outline:variables_text")(started.variables) if started.variables else ""
        wanted = "" if self._result_type is None else load("codeling.forms.outline:type_text")(self._result_type)
        text = "\n\n".join(filter(None, [self._functions(), shown, f"Task: {started.task.strip()}", wanted]))
        return Message(role="user", content=text, images=started.images, audio=started.audio)

    def observe(
        self, finished: StepFinished, calls: Sequence[ToolCall], results: Mapping[str, ToolCallFinished]
    ) -> list[Message]:
        """What a step did."""
        told, images = self._told(finished), finished.images if self._sees else ()
        return [Message(role="user", content=told, images=images)] if told else []

    def said(self, content: str) -> str:
        """What is kept of a reply: no hidden thoughts, nothing after the action."""
        return content

    def tidy(self, reply: Reply) -> Reply:
        """The reply as it is recorded."""
        return reply

    def last_call(self) -> Message:
        """Ask for an answer because the steps are used up."""
        return _prompt("last")[0]

    def _functions(self) -> str:
        return ""

    def _told(self, finished: StepFinished) -> str:
        return cast("str", load("codeling.forms.telling:told")(finished, sees=self._sees))


class CodeForm(Form):
    """The model writes a program; the functions stand beside the task as Python stubs."""

    def _functions(self) -> str:
        return cast("str", load("codeling.forms.catalogue:functions")(self.tools))

    def said(self, content: str) -> str:
        """The reply up to the end of its program."""
        return cast("str", load("codeling.forms.programs:said")(content))


def say(messages: list[Message], message: Message) -> None:
    """Add a message to others, joined to the last one where both are the user's: some chat templates refuse two."""
    if messages and message.role == messages[-1].role == "user":
        last = messages.pop()
        text, images = f"{last.content}\n\n{message.content}", last.images + message.images
        message = replace(last, content=text, images=images, audio=last.audio + message.audio)
    messages.append(message)


@cache
def _prompt(name: str) -> tuple[Message, ...]:
    text = (Path(__file__).parent / "prompts" / f"{name}.md").read_text(encoding="utf-8")
    sections = [section.partition("\n") for section in text.removeprefix("## ").split("\n## ")]
    return tuple(Message(role=cast("Role", role.strip()), content=body.strip()) for role, _, body in sections)
