"""The steps of one run as data of the trace page: what the model said, what its program did, and when."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...events import (
    AnswerRejected,
    ApprovalRequested,
    ApprovalResolved,
    CodeStarted,
    Event,
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
from ...messages import ToolCall
from ..text import brief, unkept, visible
from .encoding import Encoded, Growing
from .shown import cut, picture, pieces, shown

__all__ = ("Steps",)


@dataclass(slots=True, kw_only=True)
class Steps:
    """Takes the events of one run in their order."""

    clock: Callable[[float], float]
    seals: bool = False
    """Whether a step of which all is known is encoded soon: no run that began in it may be told later."""
    nests: bool = False
    """Whether a run below has begun in this step."""
    _told: Growing = field(default_factory=Growing)
    """The steps before this one."""
    _now: dict[str, Any] = field(default_factory=dict)
    """The step that goes on, or that was the last."""
    outside: list[str] = field(default_factory=list)
    """Runs below this one whose call is not known."""
    _calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    _resumed: bool = False
    _plan: dict[str, Any] | None = None

    def add(self, event: Event, asked: dict[str, Any] | None) -> None:
        """Take one event in; `asked` is what the model was shown for this reply."""
        at, kind = self.clock(event.at), type(event)
        if takes := _EARLY.get(kind):
            takes(self, event, at)
        elif self._now:
            if asked is not None:
                self._now["model"] = asked
            _TAKES.get(kind, Steps._noted)(self, event, at)

    def _continued(self, event: RunContinued, at: float) -> None:
        self._resumed = bool(self._now)

    def _planned(self, event: PlanMade, at: float) -> None:
        self._plan = {
            "text": cut(event.plan),
            "in": event.usage.input_tokens,
            "out": event.usage.output_tokens,
            "t": at,
        }

    def _begin(self, event: StepStarted, at: float) -> None:
        again = self._now.get("n") == event.step and "t1" not in self._now  # begun again after a crash
        if self._now and not again:
            self._put()
        self._now, self.nests = {"n": event.step, "t0": at, "calls": [], "rejected": []}, False
        if self._plan:
            self._now["plan"], self._plan = self._plan, None
        self._calls.clear()

    def _put(self) -> None:
        """Have the last step among the others; it is done with, if nothing can come to it any more."""
        over = "t1" in self._now and all("t1" in call and "run" not in call for call in self._now["calls"])
        if self.seals and over and not self.nests:
            self._told.append(self._now)
        else:
            self._told.keep(self._now)

    def _replied(self, event: ModelReplied, at: float) -> None:
        reply, usage = event.reply, event.reply.usage
        self._now["model"] = {
            "t0": max(0.0, round(at - event.seconds, 4)), "t1": at,
            "name": visible(reply.model), "finish": reply.finish,
            "said": cut(reply.content, 24_000), "thought": cut(reply.reasoning, 24_000),
            "in": usage.input_tokens, "out": usage.output_tokens, "cached": usage.cached_tokens,
            "cost": usage.cost if math.isfinite(usage.cost) else 0.0,
        } | self._now.get("model", {})  # fmt: skip
        for call in reply.calls:
            self._calls[call.id] = _call_data(call, at) | {"state": "not made"}

    def _program(self, event: CodeStarted, at: float) -> None:
        self._now["code"], self._now["c0"] = cut(event.code, 40_000), at

    def _called(self, event: ToolCallFinished, at: float) -> None:
        made = self._calls.get(event.call_id) or self._made(ToolCall(id=event.call_id, name=""), at)
        made.update(state="failed" if event.error is not None else "done", t1=at, seconds=round(event.seconds, 6))
        if event.error is None:
            made["value"] = shown(event.value)
        else:
            made["error"] = cut(event.error)

    def _call(self, event: ToolCallStarted, at: float) -> None:
        made = self._made(event.call, at)
        made.update(state="open", t0=at)
        if event.nested:
            made["run"] = event.nested
        if event.arguments is not None:
            made.update(args=[[visible(str(k)), shown(v)] for k, v in event.arguments.items()], changed=True)

    def _noted(self, event: Event, at: float) -> None:
        match event:
            case RunStarted() | RunFinished():
                pass
            case AnswerRejected(reason=reason):
                self._now["rejected"].append(cut(reason))
            case ApprovalRequested(call=call, reason=reason):
                self._made(call, at).update(state="waits", asked={"t": at, "reason": cut(reason, 400)})
            case ApprovalResolved(call_id=id, approved=approved, reason=reason) if id in self._calls:
                self._calls[id]["state"] = "answered"  # what a tool's server asks has no other end
                self._calls[id].setdefault("asked", {}).update(t1=at, approved=approved, said=cut(reason, 400))
            case ToolCallDenied(call=call, reason=reason):
                self._made(call, at).update(state="denied", error=cut(reason), t1=at)
            case _:  # what a newer or an optional part of codeling records
                self._now.setdefault("notes", []).append(brief(event, 600))

    def _made(self, call: ToolCall, at: float) -> dict[str, Any]:
        made = self._calls.get(call.id)
        if made is None:
            made = self._calls[call.id] = _call_data(call, at)
            self._now["calls"].append(made)
        elif made["state"] == "not made":  # the model wrote it, and now it is being made
            self._now["calls"].append(made)
        return made

    def _finished(self, event: StepFinished, at: float) -> None:
        lines = pieces(event.output, event.lines)
        told: dict[str, Any] = {
            "t1": at, "seconds": round(event.seconds, 6), "unkept": unkept(event.output, event.size),
            "lost": event.lost, "final": event.final,
            "out": _joined(lines), "images": [picture(image) for image in event.images],
            "value": None if event.value is None else cut(event.value), "error": event.error and cut(event.error),
            "answer": shown(event.answer) if event.final else None,
        }  # fmt: skip
        self._now.update({name: value for name, value in told.items() if value})
        self._now["t1"] = at
        if event.code is not None:
            self._now.setdefault("code", cut(event.code, 40_000))
        if self._resumed:
            self._now["resumed"], self._resumed = True, False

    def finish(self, at: float) -> list[dict[str, Any] | Encoded]:
        """Give the steps; those that never ended are marked. Nothing may be added afterwards."""
        if self._resumed and self._now:
            self._now["resumed"] = True
        if self._now:
            self._put()
        told = self._told.parts()
        for step in told:
            if isinstance(step, dict):
                for call in step["calls"]:
                    call.setdefault("t1", step.get("t1", at))
                if "t1" not in step:
                    step.update(t1=at, unfinished=True)
        return told


_EARLY: Mapping[type[Event], Callable[[Steps, Any, float], None]] = {
    RunContinued: Steps._continued, PlanMade: Steps._planned, StepStarted: Steps._begin,
}  # fmt: skip
"""What may come before the first step."""
_TAKES: Mapping[type[Event], Callable[[Steps, Any, float], None]] = {
    ModelReplied: Steps._replied, CodeStarted: Steps._program, ToolCallStarted: Steps._call,
    ToolCallFinished: Steps._called, StepFinished: Steps._finished,
}  # fmt: skip


def _joined(found: list[tuple[int, str]]) -> list[list[Any]]:
    """Put what one line printed in a row into one piece, and keep no more pieces than a page can bear."""
    kept = [[line, text] for line, text in found[:400]]
    if len(found) > 400:
        kept.append([0, cut("".join(text for _, text in found[400:]), 4000)])
    return kept


def _call_data(call: ToolCall, at: float) -> dict[str, Any]:
    args = [["", shown(value)] for value in call.args]
    args += [[visible(str(name)), shown(value)] for name, value in call.kwargs.items()]
    return {
        "id": visible(call.id),
        "name": visible(call.name),
        "line": call.line,
        "args": args,
        "t0": at,
        "state": "open",
    }
