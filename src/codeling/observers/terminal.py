"""Shows runs as they happen, on a terminal or in a log. It reads the stream of events and nothing else."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

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
from .later import Later
from .screen import Mark, Screen, Style, is_terminal, screen_for
from .text import brief, call_text, clipped, duration, image_text, told, unkept, usage_text, visible

__all__ = ("TerminalObserver",)

logger = logging.getLogger(__name__)

_MOST_CALLS = 25
_MOST_WHICH = 40
_MOST_LINES = 40
_MOST_CHARACTERS = 4000
_MOST_WAITING = 100_000
_PATIENCE = 3.0
"""Seconds that a run waits, at most, for its end or a question to be shown: a terminal can be stopped."""
_AT_ONCE = frozenset((RunFinished, ApprovalRequested))
_ACTION = re.compile(r"```|<code>|<tool_call>")
_ENDS: dict[str, tuple[str, Style]] = {
    "success": ("Done", "good"),
    "max_steps_error": ("Out of steps: this is the best answer so far", "warning"),
    "limit": ("Stopped at a limit", "warning"),
    "paused": ("Waits for a person", "warning"),
    "interrupted": ("Interrupted", "warning"),
    "failed": ("Failed", "bad"),
}


class TerminalObserver:
    """Writes what runs do to a file, stderr by default.

    On a terminal with rich installed it is in colour and says what is going on; elsewhere it is plain
    lines; `color` decides instead. With `quiet`, only what a person must know: a call that
    waits for approval, and an end that is no success. With `answer=False` the answer, or the reason
    why there is none, is left to whoever started the run. With `live=False` nothing moves: for runs
    that are over.
    """

    anywhere = True

    def __init__(
        self, file: IO[str] | None = None, *, quiet: bool = False, color: bool | None = None, answer: bool = True,
        live: bool = True,
    ) -> None:  # fmt: skip
        self._file, self._color, self._live = file, color, live
        self._quiet, self._answer = quiet, answer
        self._lock = threading.Lock()
        self._floor = _Floor()
        self._runs = self._floor.runs
        self._screen: Screen | None = screen_for(file, color, live=live) if color else None
        self._later = Later(self._see, after=self._flush, most=_MOST_WAITING)

    def __call__(self, event: Event, /) -> None:
        """Have an event shown soon; never raises, and what cannot be written is lost.

        It is shown before this returns where somebody else may write to the terminal next: whoever started
        the run, the person who is asked, and on a terminal a tool.
        """
        kind = type(event)
        if kind is ModelDelta and self._screen and not self._screen.live:
            return
        if not event.durable and self._later.waiting > _MOST_WAITING // 2:
            self._later.lose()
            return
        self._later(event)
        if kind in _AT_ONCE or (kind is ToolCallStarted and is_terminal(self._file)):
            self._later.wait(_PATIENCE, again=False)

    def close(self) -> None:
        """Leave the terminal as it was found, also in the middle of a run."""
        self._later.wait(_PATIENCE)
        with self._lock:
            if self._screen:
                self._screen.close()

    def _see(self, event: Event) -> None:
        with self._lock:
            try:
                self._screen = self._screen or screen_for(self._file, self._color, live=self._live)
                run = self._watched(event, self._screen)
                if self._quiet:
                    run.note(event)
                else:
                    run.show(event)
            except Exception:  # foreign code: rich and values' own __repr__; no run may suffer for being watched
                logger.debug("an event could not be shown: %s", type(event).__name__, exc_info=True)

    def _flush(self) -> None:
        with self._lock:
            try:
                if self._screen:
                    self._screen.flush()
            except Exception:  # foreign code: the file may be anything that has `write`
                logger.debug("what was to be shown could not be written", exc_info=True)

    def _watched(self, event: Event, screen: Screen) -> _Watched:
        run = self._runs.get(event.run_id)
        if run is None:
            parent = self._runs.get(event.parent_id or "") if isinstance(event, RunStarted) else None
            run = self._runs[event.run_id] = _Watched(
                id=event.run_id, floor=self._floor, screen=screen, depth=parent.depth + 1 if parent else 0,
                answer=self._answer,
            )  # fmt: skip
        if isinstance(event, RunFinished):
            del self._runs[event.run_id]
        return run


@dataclass(slots=True)
class _Floor:
    """Who is there, and whose lines stand last at each depth."""

    runs: dict[str, _Watched] = field(default_factory=dict)
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
class _Watched:
    """One run, as far as it has been shown."""

    id: str
    floor: _Floor
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
        self.floor.take(self.id, self.depth)
        self.screen.heading(title, depth=self.depth)

    def speak(self) -> None:
        """Say whose lines follow, where those of a run beside this one came last."""
        if self.floor.take(self.id, self.depth) and self.depth:
            step = f", step {self.steps}" if self.steps else ""
            self.screen.say(f"{self.label()}{step} …", depth=self.depth, style="faint")

    def say(self, text: str, *, style: Style = "plain", mark: Mark = "") -> None:
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


_SHOWS: Mapping[type[Event], Callable[[_Watched, Any], None]] = {
    RunStarted: _Watched._begin, RunContinued: _Watched._wall, StepStarted: _Watched._step, PlanMade: _Watched._plan,
    ModelDelta: _Watched._writing, ModelReplied: _Watched._replied, CodeStarted: _Watched._program,
    CodeOutput: _Watched._printed, ToolCallStarted: _Watched._call, ToolCallFinished: _Watched._result,
    ToolCallDenied: _Watched._permission, ApprovalRequested: _Watched._permission,
    ApprovalResolved: _Watched._permission, StepFinished: _Watched._finish, AnswerRejected: _Watched._rejected,
    RunFinished: _Watched._end,
}  # fmt: skip


def _which(call: ToolCall) -> str:
    """Tell a call whose result does not stand right below it."""
    text = call_text(call)
    return text if len(text) <= _MOST_WHICH else visible(call.name)
