"""Events of a run, and of the runs below it, as the data that the trace page draws.

What is stored is told as it was. What the model saw is rebuilt: its messages come from the events by
the very fold that the loop uses (`memory.Memory`), with the stored tools and instructions and with
this version's rules and examples. Nothing here raises for what a run did or for where it was cut off.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, cast

from ...events import Event, ModelReplied, PlanMade, RunContinued, RunFinished, RunStarted, StepStarted, ToolCallStarted
from ...messages import Message, Usage
from ..conversation import Conversation
from ..text import visible
from .encoding import Growing, encoded
from .shown import cut, picture, shown
from .steps import Steps

__all__ = ("Story", "story_of")

_MOST_MESSAGE = 24_000
_AGAIN = ("RunContinued", "RunResumed")


def story_of(events: Iterable[Event]) -> Story:
    """Give the story of events that are all known, whatever their order is."""
    durable = [event for event in events if event.durable]
    runs: dict[str, Event] = {}
    for event in durable:
        runs.setdefault(event.run_id, event)
    first = next((id for id, begun in runs.items() if _parent(begun) not in runs), next(iter(runs), ""))
    clock = _Clock()
    for event in durable:
        if event.run_id == first:
            clock.note(event)
    story = Story(first=first, clock=clock)
    for event in durable:
        story.add(event)
    return story


def _parent(begun: Event) -> str | None:
    return begun.parent_id if isinstance(begun, RunStarted) else None


class Story:
    """The data of the page: every run, by its id, and which one is the first.

    Without them, the run of the first event is the first, its events are the clock, and they come as they happen.
    """

    def __init__(self, *, first: str | None = None, clock: _Clock | None = None) -> None:
        self.first, self._clock, self._follows = first or "", clock or _Clock(), clock is None
        self._runs: dict[str, _Told] = {}

    def add(self, event: Event) -> None:
        """Take a durable event in."""
        if self._follows:
            self.first = self.first or event.run_id
            if event.run_id == self.first:
                self._clock.note(event)
        run = self._runs.get(event.run_id) or self._begun(event)
        run.add(event)

    def _begun(self, event: Event) -> _Told:
        started = event if isinstance(event, RunStarted) else RunStarted(run_id=event.run_id, task="", at=event.at)
        before = self._runs.get(started.continues or "")
        run = self._runs[event.run_id] = _Told(started, self._clock, before, is_told=started is event)
        run.steps.seals = self._follows
        if above := self._runs.get(started.parent_id or ""):
            above.steps.nests = True
        return run

    @property
    def task(self) -> str:
        """What the first run was asked to do."""
        first = self._runs.get(self.first)
        return first.started.task if first else ""

    def encoded(self) -> str:
        """Give all of it as JSON."""
        runs = {id: run.data() | {"isBelow": id != self.first} for id, run in self._runs.items()}
        for id, run in runs.items():
            for call in _calls(run):
                below = runs.get(call.get("run", ""), {})
                if below.get("parent") != id or call["run"] == self.first:
                    call.pop("run", None)
        _nest(runs)
        seconds = max((run["t1"] for run in runs.values()), default=0.0)
        return encoded({"first": self.first, "runs": runs, "seconds": seconds, "at": self._clock.start})


class _Clock:
    """Seconds since the start, without the time in which no process worked on the run."""

    def __init__(self) -> None:
        self.start = 0.0
        self._gaps: list[tuple[float, float]] = []
        """When each gap ended, and how long it was."""
        self._count = 0
        self._last = Event()

    def note(self, event: Event) -> None:
        """Take in an event of the first run."""
        if self._count == 0:
            self.start = event.at
        elif type(event).__name__ in _AGAIN and self._count > 1:
            idle = event.at - self._last.at
            if idle > 1 and type(self._last).__name__ != "AgentDescribed":
                self._gaps.append((event.at, idle))
        self._count += 1
        self._last = event

    def __call__(self, at: float) -> float:
        if self._gaps:
            at -= sum(length for end, length in self._gaps if at >= end)
        return round(at - self.start, 4) if at > self.start else 0.0


class _Told:
    """One run, as far as its events are known."""

    def __init__(self, started: RunStarted, clock: _Clock, before: _Told | None, *, is_told: bool) -> None:
        self.started, self.is_told, self._clock = started, is_told, clock
        self.steps = Steps(clock=clock)
        self.talk: Conversation = Conversation(started, before=before.talk if before else None)
        self._asked: list[Message] = []
        """The messages of the last question."""
        self._known: list[Message] = []
        """Every message that the model was shown, once."""
        self._messages = Growing()
        self._places: dict[int, int] = {}
        self._last: RunFinished | None = None
        self._walls: list[str] = []
        self._usages: list[Usage] = []
        self._calls = 0
        self._since, self._until = started.at, started.at

    def add(self, event: Event) -> None:
        """Take one event in."""
        asked = None
        match event:
            case ToolCallStarted():
                self._calls += 1
            case ModelReplied():
                self._usages.append(event.reply.usage)
                asked = self._ask()
            case StepStarted():
                self._last = None
            case RunFinished():
                self._last = event
            case RunContinued(isolation=wall):
                self._walls.append(wall)
            case PlanMade(usage=usage):
                self._usages.append(usage)
        self.talk.add(event)
        self.steps.add(event, asked)
        self._until = event.at

    def _ask(self) -> dict[str, Any]:
        """Give what a question has in common with the one before, and what is new in it."""
        now, before = self.talk.messages, self._asked
        keep = min(len(before), len(now))
        while keep and before[keep - 1] is not now[keep - 1]:  # most often only the end differs
            keep -= 1
        if self.talk.rewritten:
            keep = next((place for place in range(keep) if before[place] is not now[place]), keep)
            self.talk.rewritten = False
        before[keep:] = now[keep:]
        return {"keep": keep, "new": [self._place(message) for message in before[keep:]]}

    def _place(self, message: Message) -> int:
        place = self._places.setdefault(id(message), len(self._known))
        if place == len(self._known):
            self._known.append(message)  # while it is here, its id is nobody else's
            self._messages.append(_message(message))
        return place

    def data(self) -> dict[str, Any]:
        """Give all of it."""
        last, end = self._last, self._clock(self._until)
        return self._head() | {
            "t0": self._clock(self._since), "t1": end,
            "state": last.state if last else "unfinished", "error": cut(last.error) if last and last.error else None,
            "answer": shown(last.output) if last and (last.output is not None or last.state == "success") else None,
            "seconds": last.seconds if last else None,
            "usage": _usage(self._usages) | {"models": len(self._usages), "calls": self._calls},
            "steps": self.steps.finish(end), "messages": self._messages.parts(), "outside": self.steps.outside,
        }  # fmt: skip

    def _head(self) -> dict[str, Any]:
        started, walls = self.started, self._walls
        return {
            "id": visible(started.run_id), "agent": visible(started.agent) or "agent", "task": cut(started.task),
            "parent": started.parent_id, "continues": started.continues, "max": started.max_steps,
            "wall": visible(walls[-1]) if walls else None,
            "resumed": max(0, len(walls) - 1), "tools": {visible(n): cut(str(s)) for n, s in started.tools.items()},
            "variables": [[visible(str(name)), shown(value)] for name, value in started.variables.items()],
            "images": [picture(image) for image in started.images], "isTold": self.is_told,
        }  # fmt: skip


def _message(message: Message) -> dict[str, Any]:
    """Give one message; its pictures are told by their number, for they are shown where they were made."""
    told: dict[str, Any] = {"role": message.role}
    if message.content:
        told |= {"text": cut(message.content, _MOST_MESSAGE), "size": len(message.content)}
    if message.calls:
        told["calls"] = [f"{visible(call.name)}({shown(dict(call.kwargs))['text']})" for call in message.calls]
    if message.images:
        told["images"] = len(message.images)
    if message.call_id:
        told["of"] = visible(message.call_id)
    return told


def _usage(parts: Sequence[Usage]) -> dict[str, Any]:
    """Give the tokens and money of a run as data, without those of the runs below it."""
    cost = sum((part.cost for part in parts), 0.0)
    return {
        "in": sum(part.input_tokens for part in parts), "out": sum(part.output_tokens for part in parts),
        "cached": sum(part.cached_tokens for part in parts), "thought": sum(part.reasoning_tokens for part in parts),
        "cost": cost if math.isfinite(cost) else 0.0,
    }  # fmt: skip


def _nest(runs: dict[str, dict[str, Any]]) -> None:
    """Give each run below another to the call that made it, where the call does not say so itself.

    It is one with the same name, the same task, and going on at the time; of several the first.
    """
    taken: defaultdict[str, set[int]] = defaultdict(set)
    told = {call["run"] for run in runs.values() for call in _calls(run) if "run" in call}
    for id, run in runs.items():
        parent = runs.get(run["parent"] or "")
        if parent is None or id in told or not run["isBelow"]:
            continue
        calls = [call for call in _calls(parent) if _going_on(call, run["t0"])]
        fits = sorted(calls, key=lambda call: (call["name"] != run["agent"], not _says(call, run["task"])))
        free = [call for call in fits if id_of(call) not in taken[run["parent"]]]
        if free:
            taken[run["parent"]].add(id_of(free[0]))
            free[0]["run"] = id
        else:
            parent["outside"].append(id)


def _calls(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the calls of a run, but for those of steps in which no run began."""
    return [call for step in run["steps"] if isinstance(step, dict) for call in step["calls"]]


def _going_on(call: dict[str, Any], at: float) -> bool:
    return cast("bool", call["t0"] - 0.001 <= at <= call["t1"] + 0.001)


def _says(call: dict[str, Any], task: str) -> bool:
    return any(given.get("text") == task for _, given in call["args"])


def id_of(call: dict[str, Any]) -> int:
    """Tell one call from another that looks the same."""
    return id(call)
