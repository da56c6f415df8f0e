"""Events of a run, and of the runs below it, as the data that the trace page draws.

What is stored is told as it was. What the model saw is rebuilt: its messages come from the events by
the very fold that the loop uses (`memory.Memory`), with the stored tools and instructions and with
this version's rules and examples. Nothing here raises for what a run did or for where it was cut off.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ...events import Event, ModelReplied, PlanMade, RunContinued, RunFinished, RunStarted, StepStarted, ToolCallStarted
from ...messages import Message, Usage
from ..conversation import Conversation
from ..text import visible
from .shown import cut, picture, shown
from .steps import Steps

__all__ = ("story_of",)

_MOST_MESSAGE = 24_000


def story_of(events: Iterable[Event]) -> dict[str, Any]:
    """Give the data of the page: every run, by its id, and which one is the first."""
    runs: dict[str, list[Event]] = {}
    for event in events:
        if event.durable:
            runs.setdefault(event.run_id, []).append(event)
    first = next((id for id, told in runs.items() if not _parent(told, runs)), next(iter(runs), ""))
    clock = _Clock.of(runs.get(first, ()))
    conversations: dict[str, _Asked] = {}
    data = {id: _run(id, told, clock, conversations) | {"isBelow": id != first} for id, told in runs.items()}
    ends = [step["t1"] for run in data.values() for step in run["steps"]] + [run["t1"] for run in data.values()]
    for id, run in data.items():
        for call in (call for step in run["steps"] for call in step["calls"]):
            below = data.get(call.get("run", ""), {})
            if below.get("parent") != id or call["run"] == first:
                call.pop("run", None)
    _nest(data)
    return {"first": first, "runs": data, "seconds": max(ends, default=0.0), "at": clock.start}


def _parent(told: Sequence[Event], runs: dict[str, list[Event]]) -> str | None:
    started = told[0]
    return started.parent_id if isinstance(started, RunStarted) and started.parent_id in runs else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clock:
    """Seconds since the start, without the time in which no process worked on the run."""

    start: float = 0.0
    gaps: tuple[tuple[float, float], ...] = ()
    """When each gap ended, and how long it was."""

    @classmethod
    def of(cls, told: Sequence[Event]) -> _Clock:
        start = told[0].at if told else 0.0
        again = [i for i, event in enumerate(told) if type(event).__name__ in ("RunContinued", "RunResumed")]
        again = [i for i in again if i > 1 and type(told[i - 1]).__name__ != "AgentDescribed"]
        gaps = ((told[i].at, told[i].at - told[i - 1].at) for i in again)
        return cls(start=start, gaps=tuple(gap for gap in gaps if gap[1] > 1))

    def __call__(self, at: float) -> float:
        idle = sum(length for end, length in self.gaps if at >= end) if self.gaps else 0.0
        return round(max(0.0, at - self.start - idle), 4)


@dataclass(slots=True, kw_only=True)
class _Asked:
    """What the model was shown, each message once, and for each question which of them."""

    talk: Conversation
    messages: list[Message] = field(default_factory=list)
    asked: list[Message] = field(default_factory=list)
    """The messages of the last question."""
    places: dict[int, int] = field(default_factory=dict)

    def ask(self) -> dict[str, Any]:
        """Give what a question has in common with the one before, and what is new in it."""
        now, before = self.talk.messages, self.asked
        keep = min(len(before), len(now))
        while keep and before[keep - 1] is not now[keep - 1]:  # most often only the end differs
            keep -= 1
        if before[:keep] != now[:keep]:
            keep = next(place for place in range(keep) if before[place] is not now[place])
        self.asked = now
        return {"keep": keep, "new": [self._place(message) for message in now[keep:]]}

    def _place(self, message: Message) -> int:
        place = self.places.setdefault(id(message), len(self.messages))
        if place == len(self.messages):
            self.messages.append(message)
        return place


def _run(id: str, told: Sequence[Event], clock: _Clock, known: dict[str, _Asked]) -> dict[str, Any]:
    started = told[0] if isinstance(told[0], RunStarted) else RunStarted(run_id=id, task="", at=told[0].at)
    told_so_far = known[id] = _asked(started, told, known)
    steps, last = Steps(clock=clock), None
    for event in told:
        asked = told_so_far.ask() if isinstance(event, ModelReplied) else None
        told_so_far.talk.add(event)
        steps.add(event, asked)
        last = event if isinstance(event, RunFinished) else None if isinstance(event, StepStarted) else last
    return _head(id, started, told, clock) | {
        "state": last.state if last else "unfinished", "error": cut(last.error) if last and last.error else None,
        "answer": shown(last.output) if last and (last.output is not None or last.state == "success") else None,
        "seconds": last.seconds if last else None, "usage": _usage(told), "steps": steps.finish(clock(told[-1].at)),
        "messages": [_message(message) for message in told_so_far.messages], "outside": steps.outside,
    }  # fmt: skip


def _head(id: str, started: RunStarted, told: Sequence[Event], clock: _Clock) -> dict[str, Any]:
    walls = [event.isolation for event in told if isinstance(event, RunContinued)]
    return {
        "id": visible(id), "agent": visible(started.agent) or "agent", "task": cut(started.task),
        "parent": started.parent_id, "continues": started.continues, "max": started.max_steps,
        "t0": clock(told[0].at), "t1": clock(told[-1].at), "wall": visible(walls[-1]) if walls else None,
        "resumed": max(0, len(walls) - 1), "tools": {visible(n): cut(str(s)) for n, s in started.tools.items()},
        "variables": [[visible(str(name)), shown(value)] for name, value in started.variables.items()],
        "images": [picture(image) for image in started.images], "isTold": isinstance(told[0], RunStarted),
    }  # fmt: skip


def _asked(started: RunStarted, told: Sequence[Event], known: dict[str, _Asked]) -> _Asked:
    before = known.get(started.continues or "")
    code = any(isinstance(event, RunContinued) for event in told)
    talk = Conversation(started, code=code, before=before.talk if before else None)
    return _Asked(talk=talk)


def _message(message: Message) -> dict[str, Any]:
    """Give one message; its pictures are told by their number, for they are shown where they were made."""
    calls = [f"{visible(call.name)}({shown(dict(call.kwargs))['text']})" for call in message.calls]
    told = {
        "role": message.role, "text": cut(message.content, _MOST_MESSAGE), "size": len(message.content),
        "calls": calls, "images": len(message.images), "of": message.call_id and visible(message.call_id),
    }  # fmt: skip
    return {name: value for name, value in told.items() if value}


def _usage(told: Sequence[Event]) -> dict[str, Any]:
    """Sum what this run itself has used, without the runs below it."""
    parts = [event.reply.usage for event in told if isinstance(event, ModelReplied)]
    parts += [event.usage for event in told if isinstance(event, PlanMade)]
    calls = sum(isinstance(event, ToolCallStarted) for event in told)
    return usage_data(sum(parts, Usage())) | {"models": len(parts), "calls": calls}


def usage_data(usage: Usage) -> dict[str, Any]:
    """Give tokens and money as data."""
    return {
        "in": usage.input_tokens, "out": usage.output_tokens, "cached": usage.cached_tokens,
        "thought": usage.reasoning_tokens, "cost": usage.cost if math.isfinite(usage.cost) else 0.0,
    }  # fmt: skip


def _nest(runs: dict[str, dict[str, Any]]) -> None:
    """Give each run below another to the call that made it, where the call does not say so itself.

    It is one with the same name, the same task, and going on at the time; of several the first.
    """
    taken: defaultdict[str, set[int]] = defaultdict(set)
    told = {call["run"] for run in runs.values() for step in run["steps"] for call in step["calls"] if "run" in call}
    for id, run in runs.items():
        parent = runs.get(run["parent"] or "")
        if parent is None or id in told or not run["isBelow"]:
            continue
        calls = [call for step in parent["steps"] for call in step["calls"] if _going_on(call, run["t0"])]
        fits = sorted(calls, key=lambda call: (call["name"] != run["agent"], not _says(call, run["task"])))
        free = [call for call in fits if id_of(call) not in taken[run["parent"]]]
        if free:
            taken[run["parent"]].add(id_of(free[0]))
            free[0]["run"] = id
        else:
            parent["outside"].append(id)


def _going_on(call: dict[str, Any], at: float) -> bool:
    return cast("bool", call["t0"] - 0.001 <= at <= call["t1"] + 0.001)


def _says(call: dict[str, Any], task: str) -> bool:
    return any(given.get("text") == task for _, given in call["args"])


def id_of(call: dict[str, Any]) -> int:
    """Tell one call from another that looks the same."""
    return id(call)
