"""Events of runs as messages of a chat: what the Gradio page shows, as plain data, without Gradio.

Messages are Markdown, and what programs, tools and models wrote is hostile: it stands in fences that
it cannot close, or with every mark of Markdown and HTML escaped. No picture that it names is fetched.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..events import (
    AnswerRejected,
    ApprovalRequested,
    ApprovalResolved,
    CodeOutput,
    CodeStarted,
    Event,
    ModelDelta,
    ModelReplied,
    PlanMade,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    ToolCallDenied,
    ToolCallFinished,
    ToolCallStarted,
)
from ..messages import Image
from .text import brief, call_text, clipped, duration, image_text, in_words, usage_text, visible

__all__ = ("Chat", "fenced", "formatted", "plain")

_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~&$:=\"'@^/])")
_FENCE = re.compile(r"\s{0,3}```")
_ALLOWED = (
    (re.compile(r"\\\*\\\*(?=\S)(.{1,500}?)(?<=\S)\\\*\\\*"), r"**\1**"),
    (re.compile(r"^(\s*)\\[-*] (?=.)"), r"\1- "),
    (re.compile(r"^(\d{1,3})\\\. (?=.)"), r"\1. "),
)
"""Bold text and lists: what of an answer's Markdown is kept."""
_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp"}
_ACTION = re.compile(r"```|<code>|<tool_call>")
_ENDS = {"max_steps_error": "Out of steps; this is the best answer so far.", "limit": "Stopped at a limit.",
         "paused": "The run waits for a person.", "interrupted": "Stopped.", "failed": "The run failed."}  # fmt: skip
_MOST_OUTPUT = 6_000


def plain(text: str) -> str:
    """Give a text as Markdown that shows just this text."""
    return _MARKS.sub(r"\\\1", visible(text))


def fenced(text: str, language: str = "") -> str:
    """Give a text as a block of code that nothing in it can close."""
    text = visible(text)
    marks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{marks}{language}\n{text}\n{marks}"


def formatted(text: str) -> str:
    """Give an answer with its bold words, lists and blocks of code, and with all else as plain text."""
    told: list[str] = []
    block: list[str] | None = None
    for line in visible(text).split("\n"):
        if _FENCE.match(line):
            told += [] if block is None else [fenced("\n".join(block))]
            block = [] if block is None else None
        elif block is not None:
            block.append(line)
        else:
            told.append(_line(line))
    return "\n".join(told if block is None else [*told, fenced("\n".join(block))])


def _line(text: str) -> str:
    escaped = _MARKS.sub(r"\\\1", text)
    for pattern, kept in _ALLOWED:
        escaped = pattern.sub(kept, escaped)
    return escaped


@dataclass(slots=True)
class Chat:
    """One visitor's conversation as messages, `{"role", "content", "metadata"}`, in their order."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="codeling-chat-")))
    """Where pictures are put for the page."""
    messages: list[dict[str, Any]] = field(default_factory=list)
    _runs: dict[str, _Run] = field(default_factory=dict)
    _calls: dict[str, str] = field(default_factory=dict)
    """The messages of the calls that began runs below, by those runs."""

    def say(self, role: str, content: Any, **metadata: Any) -> dict[str, Any]:
        """Add a message and give it."""
        message = {"role": role, "content": content, "metadata": metadata}
        self.messages.append(message)
        return message

    def add(self, event: Event) -> None:
        """Take an event in."""
        run = self._runs.get(event.run_id)
        if run is None:
            above = self._runs.get(event.parent_id or "") if isinstance(event, RunStarted) else None
            call = self._calls.get(event.run_id)
            run = self._runs[event.run_id] = _Run(chat=self, above=call or (above.latest if above else None))
        run.add(event)

    def begins(self, run_id: str, message: dict[str, Any]) -> None:
        """Show a run, once it is there, below the message of the call that began it."""
        self._calls[run_id] = message["metadata"]["id"]

    def picture(self, image: Image) -> Any:
        """Give a picture as a file of the page, or as a note."""
        suffix = _SUFFIXES.get(image.media_type)
        if suffix is None:
            return plain(image_text(image))
        path = self.folder / f"{len(list(self.folder.iterdir()))}{suffix}"
        path.write_bytes(image.data)
        return {"path": str(path)}


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run, as far as it is in the chat."""

    chat: Chat
    above: str | None
    """The message below which a nested run is shown."""
    name: str = ""
    id: str = ""
    step: dict[str, Any] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    output: dict[str, Any] | None = None
    printed: str = ""
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    model: str = ""

    @property
    def latest(self) -> str | None:
        """The call that is under way, or the step: what a nested run belongs below."""
        pending = [call["metadata"]["id"] for call in self.calls.values() if call["metadata"]["status"] == "pending"]
        return str(pending[-1]) if pending else self.step["metadata"]["id"] if self.step else None

    def add(self, event: Event) -> None:
        match event:
            case RunStarted(agent=agent, run_id=id):
                self.name, self.id = agent, id
            case StepStarted(step=step):
                self._begin(step)
            case PlanMade(plan=plan, step=step):
                self._say(f"Plan before step {step}", fenced(clipped(plan, lines=60)))
            case ModelDelta(delta=delta):
                self.written.append(delta.text)
                self.step["content"] = fenced("".join(self.written)[-4000:])
            case ModelReplied():
                self._replied(event)
            case CodeStarted(code=code):
                self.step["content"] = (
                    self.step["content"] + "\n\n" + fenced(code[:20_000].strip("\n"), "python")
                ).strip()
            case CodeOutput(text=text):
                self._output(text)
            case StepFinished():
                self._finish(event)
            case _:
                self._further(event)

    def _further(self, event: Event) -> None:
        match event:
            case AnswerRejected(reason=reason):
                self._say("This answer was not accepted", fenced(clipped(reason, lines=20)))
            case RunFinished():
                self._end(event)
            case _:
                self._call(event)

    def _say(self, title: str, content: Any, *, status: str = "done", below: str | None = None) -> dict[str, Any]:
        id = f"{self.id}-{len(self.chat.messages)}"
        message = self.chat.say("assistant", content, title=plain(title), id=id, status=status)
        if below or self.above:
            message["metadata"]["parent_id"] = below or self.above
        return message

    def _begin(self, step: int) -> None:
        name = f"{self.name}: step {step}" if self.above else f"Step {step}"
        self.step = self._say(name, "", status="pending")
        self.written.clear()
        self.calls.clear()
        self.output, self.printed = None, ""

    def _replied(self, event: ModelReplied) -> None:
        said = _ACTION.split(event.reply.content, maxsplit=1)[0].strip() if event.reply.content else ""
        self.model = f"{duration(event.seconds)} model"
        self.step["content"] = plain(clipped(said, lines=40)) if said else ""
        self.step["metadata"]["log"] = usage_text(event.reply.usage)

    def _output(self, text: str) -> None:
        if self.output is None:
            self.output = self._say("Output", "", status="pending", below=self.step.get("metadata", {}).get("id"))
        if len(self.printed) <= _MOST_OUTPUT:
            self.printed += text[: _MOST_OUTPUT + 1]
            self.output["content"] = fenced(clipped(self.printed, lines=120, characters=_MOST_OUTPUT))

    def _call(self, event: Event) -> None:
        match event:
            case ApprovalRequested(call=call, reason=reason):
                self._shown(call_text(call), call.id)["content"] = f"Waits for approval: {plain(reason)}"
            case ApprovalResolved(call_id=id, approved=approved, reason=reason) if id in self.calls:
                self.calls[id]["content"] = ("Approved. " if approved else "Refused. ") + plain(reason)
            case ToolCallDenied(call=call, reason=reason):
                self._ended(self._shown(call_text(call), call.id), fenced(clipped(reason, lines=6)), 0.0)
            case ToolCallStarted(call=call, arguments=changed, nested=nested):
                message = self._shown(call_text(call, changed), call.id)
                if nested:
                    self.chat.begins(nested, message)
            case ToolCallFinished(call_id=id, value=value, error=error, seconds=seconds):
                told = _value(value) if error is None else fenced(clipped(error, lines=20))
                self._ended(self._shown("A call that did not fit", id), told, seconds)

    def _shown(self, title: str, id: str) -> dict[str, Any]:
        if id not in self.calls:
            below = self.step.get("metadata", {}).get("id")
            self.calls[id] = self._say(f"→ {title}", "", status="pending", below=below)
        return self.calls[id]

    def _ended(self, message: dict[str, Any], content: str, seconds: float) -> None:
        message["content"] = content
        message["metadata"].update(status="done", duration=round(seconds, 3))

    def _finish(self, event: StepFinished) -> None:
        id = self.step["metadata"]["id"]
        if event.output and self.output is None:
            self._output(event.output)
        if self.output:
            self.output["metadata"]["status"] = "done"
        if event.value is not None:
            self._say("Value of the last line", fenced(clipped(event.value, lines=60)), below=id)
        if event.error:
            self._say("Error", fenced(clipped(event.error, lines=60)), below=id)
            self.step["metadata"]["log"] = ", ".join(filter(None, ("failed", self.step["metadata"].get("log"))))
        for image in event.images:
            self.chat.say("assistant", self.chat.picture(image))
        self.step["content"] = self.step["content"] or "No words."
        self.step["metadata"].update(status="done", duration=round(event.seconds, 3))

    def _end(self, event: RunFinished) -> None:
        for message in (self.step, self.output, *self.calls.values()):
            if message:
                message["metadata"]["status"] = "done"
        if self.above:
            return
        if event.state in _ENDS:
            why = f" {clipped(event.error, lines=12)}" if event.error else ""
            self.chat.say("assistant", plain(f"{_ENDS[event.state]}{why}"))
        if event.state in ("success", "limit", "max_steps_error") or event.output is not None:
            self._answer(event.output)

    def _answer(self, value: Any) -> None:
        if isinstance(value, str):
            self.chat.say("assistant", formatted(value[:100_000]) or "(an empty text)")
        elif isinstance(value, Image):
            self.chat.say("assistant", self.chat.picture(value))
        else:
            self.chat.say("assistant", _value(value, lines=200))


def _value(value: Any, lines: int = 40) -> str:
    """Give a value as a block: a text as it is, a mapping or list over several lines."""
    if isinstance(value, str):
        return fenced(clipped(value, lines=lines))
    if isinstance(value, Mapping | list | tuple) and 0 < len(value) <= 200:
        items = [f"{brief(k)}: {brief(v, 300)}" for k, v in value.items()] if isinstance(value, Mapping) else [
            brief(item, 300) for item in value]  # fmt: skip
        if sum(map(len, items)) > 90:
            return fenced(clipped("\n".join(items), lines=lines, characters=20_000))
    text = in_words(value) if type(value).__module__.partition(".")[0] == "pandas" else brief(value, 4000)
    return fenced(clipped(text, lines=lines))
