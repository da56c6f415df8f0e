"""A stored run once more, without the world: its programs run, its replies and calls are recalled.

Nothing is stored, no model is asked and no tool is called, whatever the programs do. What they do
otherwise than before is told.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from ..errors import AnswerRefused, EndsRun, JournalError, ReplayDiverged
from ..events import (
    AnswerRejected,
    ApprovalRequested,
    CodeStarted,
    Event,
    PlanMade,
    RunStarted,
    StepStarted,
    ToolCallFinished,
    ToolCallStarted,
)
from ..journals.events import Diverged
from ..journals.memory import MemoryJournal
from ..limits import Limits, Spent
from ..lookup import load
from ..memory import Memory
from ..messages import ToolCall
from ..protocols import Approval, running
from ..tools import Tool
from .calls import in_order
from .comparing import call_line
from .replay import ReplayedRun
from .resume import journal_of, past_of

__all__ = ("Rehearsal", "rehearse", "rehearse_stored")

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """How a run went when it was played again."""

    run_id: str
    steps: int
    """How many of its steps were begun again."""
    diverged: tuple[Diverged, ...]
    """What was different, in its order; empty where the run repeats itself."""


async def rehearse_stored(agent: Any, run_id: str) -> Rehearsal:
    """Play a run of the agent's journal again with this agent. Raises `JournalError` for an unknown run."""
    return await rehearse(await past_of(journal_of(agent, run_id), run_id), agent)


async def rehearse(past: Sequence[Event], agent: Any = None) -> Rehearsal:
    """Play the run of these events again, with this agent, or with one made of what the events name.

    Such an agent takes any arguments for any tool that the run has called. Raises `JournalError` for
    events that are not a run from its start.
    """
    started = past[0] if past else None
    if not isinstance(started, RunStarted):
        raise JournalError("these are not the events of a run: the first one must be RunStarted")
    agent = _agent_of(past) if agent is None else replace(agent, step_callbacks=(), observers=(), journal=None)
    memory = Memory(agent._new_form())
    run = _Unworldly(started.run_id, past, journal=MemoryJournal(), spent=Spent(limits=Limits()), fold=memory.add)
    try:
        await agent._perform(run, memory, started)
    except _Over:
        pass
    except ReplayDiverged as error:
        if not run.differences:
            run.differences.append(Diverged(step=run.step, what="order", found=str(error)))
    finally:
        agent.close()
        if run.session:
            run.session.close()
    steps = sum(isinstance(event, StepStarted) for event in run.events)
    return Rehearsal(run_id=started.run_id, steps=steps, diverged=tuple(run.differences))


class _Over(EndsRun):
    """The stored run went no further."""


class _Unworldly(ReplayedRun):
    """A run that writes nothing and does nothing."""

    def __init__(self, id: str, past: Sequence[Event], **options: Any) -> None:
        super().__init__(id, past, **options)
        self.journal, self.differences = None, list[Diverged]()
        self._unfit = _unfit_of(past)

    @property
    def step(self) -> int:
        """The step that is under way."""
        return self._step

    @property
    def rejects(self) -> str | None:
        """Why the answer that was given now was not accepted, where it was not."""
        following = self._spine[0] if self._spine else None
        return following.reason if isinstance(following, AnswerRejected) else None

    async def emit(self, event: E) -> E:
        """Give the recorded event. Raises `_Over` where the loop would go on for the first time."""
        if isinstance(event, StepStarted) and not self._spine:
            raise _Over("the stored run is at its end")
        return await super().emit(event)

    async def diverged(self, event: Diverged) -> None:
        """Note what was different."""
        self.differences.append(event)

    def replayed(self, kind: type[E]) -> E | None:
        """Take the next event; the model is never asked for one. Raises `_Over`, `ReplayDiverged`."""
        event = super().replayed(kind)
        if event is None and kind.__name__ in ("ModelReplied", "PlanMade"):
            raise _Over("the stored run was cut off here")
        return event

    async def recalled(self, call: ToolCall, tool: Tool) -> ToolCallFinished | ToolCallStarted | Approval | None:
        """Give the recorded end of the call. Raises `_Over` or `ReplayDiverged`, so that no call is ever made."""
        queue = self._calls.get((self._step, self._key(call)))
        if queue and queue[0].finished:
            return await super().recalled(call, tool)
        unfit = next((error for error in self._unfit[self._step] if error.startswith(f"{call.name}(): ")), None)
        if unfit is not None:
            self._unfit[self._step].remove(unfit)
            return ToolCallFinished(call_id=call.id, error=unfit)
        if queue or self._step not in self._whole:
            raise _Over("the stored run was cut off in this call")
        await self.diverged(Diverged(step=self._step, what="call", found=call_line(call)))
        raise ReplayDiverged(f"step {self._step} called {call_line(call)}, which the run did not")


def _unfit_of(past: Sequence[Event]) -> defaultdict[int, list[str]]:
    """Give what calls were told whose arguments did not fit, by their steps: nothing else is stored of them."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    step, begun = 0, set[str]()
    for event in past:
        match event:
            case StepStarted():
                step = event.step
            case ToolCallStarted(call=call) | ApprovalRequested(call=call):
                begun.add(call.id)
            case ToolCallFinished(call_id=id, error=str(error)) if id not in begun:
                found[step].append(error)
    return found


def _agent_of(past: Sequence[Event]) -> Any:
    """Make an agent that has the run's tools, and plans and rejects answers where the run did."""
    code = any(isinstance(event, CodeStarted) for event in past)
    names = {record.call.name for record in in_order(past, MemoryJournal().key)}
    names |= {name for event in past if isinstance(event, RunStarted) for name in event.tools}
    plans = [event.step for event in past if isinstance(event, PlanMade)]
    interval = plans[1] - plans[0] if len(plans) > 1 else sys.maxsize if plans else None
    kind = load(f"codeling.agent:{'CodeAgent' if code else 'ToolCallingAgent'}")
    return kind(
        [_any_arguments(name) for name in sorted(names)], _NoModel(), planning_interval=interval,
        final_answer_checks=[_as_before],
    )  # fmt: skip


def _as_before(answer: Any) -> bool:
    run = running()
    if isinstance(run, _Unworldly) and run.rejects is not None:
        raise AnswerRefused(run.rejects)
    return True


def _any_arguments(name: str) -> Tool:
    tool = Tool()
    tool.name, tool.description = name, "A tool of the run that is played again."
    tool.inputs, tool.forward = {}, _never
    return tool


def _never(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError("nothing is called when a run is played again")


class _NoModel:
    """Stands where a model must."""

    name = "none"
    reads_images = True

    async def reply(self, request: Any, /, *, on_delta: Any = None) -> Any:
        """Never called: the replies are recalled."""
        raise _Over("the stored run was cut off here")
