"""One run as a person sees it: which words of each event, under whose name and how far in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
    RunContinued,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    ToolCallDenied,
    ToolCallFinished,
    ToolCallStarted,
)
from ..messages import ToolCall
from .screen import Mark, Screen, Style
from .text import brief, call_text, clipped, duration, image_text, told, unkept, usage_text, visible

__all__ = ("Floor", "Watched")

_MOST_CALLS = 25
_MOST_WHICH = 40
_MOST_LINES = 40
_MOST_CHARACTERS = 4000
_ACTION = re.compile(r"```|<code>|<tool_call>")
_ENDS: dict[str, tuple[str, Style]] = {
    "success": ("Done", "good"),
    "max_steps_error": ("Out of steps: this is the best answer so far", "warning"),
    "limit": ("Stopped at a limit", "warning"),
    "paused": ("Waits for a person", "warning"),
    "interrupted": ("Interrupted", "warning"),
    "failed": ("Failed", "bad"),
}


@dataclass(slots=True)
class Floor:
    """Who is there, and whose lines stand last at each depth."""

    runs: dict[str, Watched] = field(default_factory=dict)
    speakers: list[str] = field(default_factory=list)
    latest: str = ""

    def take(self, id: str, depth: int) -> bool:
        """Let a run speak; gives whether it has to say who it is, for others spoke since it did."""
        if self.latest == id:
            return False
        self.latest = id
        before = self.speakers[depth : depth + 1]
        self.speakers[depth:] = [*[""] * (depth - len(self.speakers)), id]
        return before != [id]


@dataclass(slots=True, kw_only=True)
class Watched:
    """One run, as far as it has been shown."""

    id: str
    floor: Floor
    screen: Screen
    depth: int
    answer: bool
    """Whether the answer is shown."""
    name: str = ""
    beside: bool = False
    """Whether another run of this depth went on at the same time."""
    reply: ModelReplied | None = None
    """A reply of which nothing is shown yet."""
    thinking: float = 0.0
    usage: str = ""
    written: list[str] = field(default_factory=list)
    """The pieces of the reply that is being written."""
    in_code: bool = False
    """Whether what is being written is a program."""
    calls: dict[str, ToolCall] = field(default_factory=dict)
    """Calls that have begun and are shown."""
    asked: set[str] = field(default_factory=set)
    """Calls that a person was asked about."""
    begun: int = 0
    latest: str = ""
    """The call that was begun in the line above, if nothing came after it."""
    partial: str = ""
    """Output since the last whole line."""
    printed: int = 0
    lines: int = 0
    unseen: int = 0
    """Characters of output that are not shown."""
    steps: int = 0

    def label(self) -> str:
        """Give the agent's name, and which of its runs where several go on, or went on, beside each other."""
        others = self.floor.runs.values()
        self.beside = self.beside or any(other.depth == self.depth and other is not self for other in others)
        return f"{self.name} {self.id[:8]}" if self.beside else self.name

    def head(self, title: str) -> None:
        """Begin a part of this run."""
        self.floor.take(self.id, self.depth)
        self.screen.heading(title, depth=self.depth)

    def speak(self) -> None:
        """Say whose lines follow, where those of a run beside this one came last."""
        if self.floor.take(self.id, self.depth) and self.depth:
            step = f", step {self.steps}" if self.steps else ""
            self.screen.say(f"{self.label()}{step} …", depth=self.depth, style="faint")

    def say(self, text: str, *, style: Style = "plain", mark: Mark = "") -> None:
        """Write lines of this run."""
        self.latest = ""
        self.speak()
        self.screen.say(text, depth=self.depth, style=style, mark=mark)

    def note(self, event: Event) -> None:
        """Show what a person must know."""
        match event:
            case ApprovalRequested(call=call, reason=reason):
                self.say(f"Waits for approval ({visible(reason)}): {call_text(call)}", style="warning")
            case RunFinished(state=state) if state != "success" and not self.depth:
                self._end(event)

    def show(self, event: Event) -> None:
        """Show what there is to see of an event."""
        if shows := _SHOWS.get(type(event)):
            shows(self, event)

    def _begin(self, event: RunStarted) -> None:
        self.name = visible(event.agent)
        title = f"{self.name}, run {self.id[:8]}" + (f", goes on from {event.continues[:8]}" if event.continues else "")
        self.head(title)
        self.say(clipped(event.task, lines=20), style="strong")
        for name, value in event.variables.items():
            self.say(f"{visible(str(name))} = {brief(value, 100)}", style="faint")
        for image in event.images:
            self.say(image_text(image), style="faint")

    def _wall(self, event: RunContinued) -> None:
        wall, fresh = event.isolation, event.fresh
        if wall == "none":
            self.say("There is no wall: programs can do whatever you can do on this machine.", style="warning")
        else:
            self.say(
                f"wall: {visible(wall)}" + ("" if fresh else ", with the variables of the run before"), style="faint"
            )

    def _plan(self, event: PlanMade) -> None:
        self.say(f"Plan\n{clipped(event.plan, lines=_MOST_LINES)}", style="thought")

    def _step(self, event: StepStarted) -> None:
        self.steps = step = event.step
        self.begun = self.printed = self.lines = self.unseen = 0
        self.calls.clear()
        self.head(f"{self.label()}: step {step}" if self.depth else f"Step {step}")
        self.written.clear()
        self.in_code = False
        self.screen.busy(self.id, "thinking")

    def _writing(self, event: ModelDelta) -> None:
        if not self.screen.live:
            return
        self.written.append(event.delta.text)
        said, fence, program = "".join(self.written[-200:]).rpartition("```python\n")
        self.in_code = bool(fence) or self.in_code
        if self.in_code and "```" in program:  # it has ended
            said, program, self.in_code = f"{said}{fence}{program}", "", False
        tail = visible(program if self.in_code else said + program)
        self.screen.busy(self.id, f"writing, {len(self.written):,} tokens,", tail=tail, code=self.in_code)

    def _replied(self, event: ModelReplied) -> None:
        self.screen.busy(self.id, None)
        self.reply, self.thinking, self.usage = event, event.seconds, usage_text(event.reply.usage)
        if event.reply.calls:
            self._thought(whole=True)
            self.screen.busy(self.id, "calling tools")

    def _thought(self, *, whole: bool) -> None:
        """Show what the model said: all of it, or only what it said before its action."""
        if self.reply is None:
            return
        reply, self.reply = self.reply.reply, None
        said = reply.content if whole else _ACTION.split(reply.content, maxsplit=1)[0]
        if thought := reply.reasoning.strip():
            self.say(clipped(thought, lines=12, characters=1500), style="faint")
        if said := said.strip():
            self.say(clipped(said, lines=12, characters=1500), style="thought")

    def _program(self, event: CodeStarted) -> None:
        self._thought(whole=False)
        self.speak()
        self.screen.program(clipped(event.code, lines=200, characters=20_000), depth=self.depth)
        self.screen.busy(self.id, "running the program")

    def _call(self, event: ToolCallStarted) -> None:
        self._thought(whole=True)
        self._flush()
        self.begun += 1
        if self.begun <= _MOST_CALLS:
            self.calls[event.call.id] = event.call
            changed = "" if event.arguments is None else "  (arguments changed by a person)"
            self.say(call_text(event.call, event.arguments) + changed, style="call", mark="call")
            self.latest = event.call.id

    def _result(self, event: ToolCallFinished) -> None:
        call = self.calls.pop(event.call_id, None)
        if call is None and event.error is None:
            return
        self._flush()
        clear = self.latest == event.call_id and not self.calls
        name = "" if call is None or clear else f"{_which(call)}: "
        took = f"  ({duration(event.seconds)})"
        if event.error is None:
            self.say(f"{name}{brief(event.value)}{took}", style="result", mark="result")
        else:
            self.say(f"{name}{clipped(event.error, lines=6, characters=800)}{took}", style="bad", mark="result")

    def _permission(self, event: ToolCallDenied | ApprovalRequested | ApprovalResolved) -> None:
        self._flush()
        match event:
            case ApprovalRequested(call=call, reason=reason):
                self.asked.add(call.id)
                self.screen.hold(on=True)  # whoever asks the person may use this terminal
                self.say(f"Waits for approval ({visible(reason)}): {call_text(call)}", style="warning")
            case ApprovalResolved(approved=approved, reason=reason):
                why = f": {visible(reason)}" if reason else ""
                self.say(f"{'Approved' if approved else 'Refused'}{why}", style="warning")
                self.screen.hold(on=False)
            case ToolCallDenied(call=call, reason=reason) if call.id not in self.asked:
                self.say(f"{call_text(call)} refused: {clipped(reason, lines=3)}", style="warning")

    def _printed(self, event: CodeOutput) -> None:
        self._output(event.text)

    def _output(self, text: str) -> None:
        """Show whole lines as they come, up to a limit; past it only count."""
        if self.lines >= _MOST_LINES or self.printed >= _MOST_CHARACTERS:
            self.unseen += len(text)
            return
        *whole, self.partial = (self.partial + text[: _MOST_CHARACTERS + 1]).split("\n")
        self.unseen += max(0, len(text) - _MOST_CHARACTERS - 1)
        for line in whole:
            self._print(line)
        if len(self.partial) > _MOST_CHARACTERS:
            self._flush()

    def _print(self, line: str) -> None:
        room = _MOST_CHARACTERS - self.printed if self.lines < _MOST_LINES else 0
        if room > 0:
            self.say(visible(line[:room]), mark="output")
        self.lines += 1
        self.printed += len(line) + 1
        self.unseen += len(line) - min(len(line), max(0, room))

    def _flush(self) -> None:
        partial, self.partial = self.partial, ""
        if partial:
            self._print(partial)

    def _finish(self, event: StepFinished) -> None:
        self.screen.busy(self.id, None)
        self._thought(whole=True)
        if event.output and not self.lines and not self.partial:
            self._output(event.output)
        self._flush()
        self._left_out(unkept(event.output, event.size))
        for image in event.images:
            self.say(image_text(image), style="faint")
        if event.value is not None:
            self.say(f"= {clipped(event.value, lines=12, characters=1500)}", style="plain")
        if event.error:
            self.say(clipped(event.error, lines=20, characters=3000), style="bad")
        if event.final and (self.answer or self.depth):
            self.say(f"answer: {told(event.answer, lines=_MOST_LINES)}", style="good")
        spent = f"{duration(self.thinking)} model, {duration(event.seconds)} action"
        self.say(f"{spent}; {self.usage}" if self.usage else spent, style="faint")

    def _left_out(self, lost: int) -> None:
        if self.begun > _MOST_CALLS:
            self.say(f"… {self.begun - _MOST_CALLS:,} more calls", style="faint")
        if self.unseen:
            self.say(f"… {self.unseen:,} more characters of output", style="faint")
        if lost:
            self.say(f"… {lost:,} more bytes were printed than the executor keeps", style="faint")

    def _rejected(self, event: AnswerRejected) -> None:
        self.say(f"This answer was not accepted: {clipped(event.reason, lines=10)}", style="warning")

    def _end(self, event: RunFinished) -> None:
        self.screen.busy(self.id, None)
        self.screen.hold(on=False)
        self._flush()
        text, style = _ENDS.get(event.state, (event.state, "warning"))
        steps = f"{self.steps} step{'' if self.steps == 1 else 's'}, " if self.steps else ""
        why = (
            f": {clipped(event.error, lines=12, characters=2000)}"
            if event.error and (self.answer or self.depth)
            else ""
        )
        self.say("")
        self.say(f"{text}{why}", style=style)
        spent = f"{steps}{duration(event.seconds)}"
        self.say(", ".join(filter(None, (spent, usage_text(event.usage)))), style="faint")


_SHOWS: Mapping[type[Event], Callable[[Watched, Any], None]] = {
    RunStarted: Watched._begin, RunContinued: Watched._wall, StepStarted: Watched._step, PlanMade: Watched._plan,
    ModelDelta: Watched._writing, ModelReplied: Watched._replied, CodeStarted: Watched._program,
    CodeOutput: Watched._printed, ToolCallStarted: Watched._call, ToolCallFinished: Watched._result,
    ToolCallDenied: Watched._permission, ApprovalRequested: Watched._permission,
    ApprovalResolved: Watched._permission, StepFinished: Watched._finish, AnswerRejected: Watched._rejected,
    RunFinished: Watched._end,
}  # fmt: skip


def _which(call: ToolCall) -> str:
    """Tell a call whose result does not stand right below it."""
    text = call_text(call)
    return text if len(text) <= _MOST_WHICH else visible(call.name)
