"""The loop. Read this file first.

An agent asks its model for an action, carries the action out, shows the model what it did, and goes
on until there is a final answer. `_loop` is the whole of it. Everything that an action does to the
world goes through the broker; everything that happens is an event of the run; a resumed run is this
same loop, fed from its journal.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar, TypeAlias, cast

from .broker import Broker
from .errors import ContextOverflow, EndsRun, Interrupted, LimitReached, ShownToModel

from .events import (  # isort: skip
    CodeOutput, CodeStarted, ModelDelta, ModelReplied, RunContinued, RunFinished, RunStarted, RunState,
    StepFinished, StepStarted,
)  # fmt: skip
from .limits import Limits, Spent
from .lookup import deferred, load, named
from .memory import Memory
from .messages import Image, Reply, Request
from .policy import Decision, Policy
from .prompt import CodeForm, Form
from .protocols import Approver, Executor, Journal, Model, Observer, Session, SessionSpec
from .result import RunResult, result_of
from .run import Run, current, running
from .tools import Tool

__all__ = ("Agent", "CodeAgent", "ToolCallingAgent")

Act: TypeAlias = Callable[[Reply, int], Awaitable[StepFinished]]


@dataclass(eq=False)
class Agent(AbstractContextManager["Agent"]):
    """A model, its tools, and the rules it works under. It holds no conversation: runs may overlap freely."""

    tools: Iterable[Tool | Callable[..., Any]]
    model: Model | str
    """A model, or a short name such as `"local"` or `"openai:gpt-5"`."""
    _: KW_ONLY
    instructions: str | None = None
    """What the model is told besides its task, in every run."""
    max_steps: int = 20
    """After so many steps the model is asked for the best answer that it has."""
    planning_interval: int | None = None
    """Before the first step and after every so many, the model writes down a plan."""
    managed_agents: Iterable[Agent] = ()
    """Agents that this one calls as functions, by their names."""
    handoffs: Iterable[Agent] = ()
    """Agents that this one may pass its task and conversation on to, and be done."""
    final_answer_checks: Sequence[Callable[..., Any]] = ()
    """Each is called with the answer (and the events, and `agent=`, if it takes them); what is falsy or
    raised sends the model back to work, with the reason."""
    step_callbacks: Sequence[Callable[..., Any]] = ()
    """Each is called with every `StepFinished` (and `agent=`). What it raises ends the run."""
    result_type: Any = None
    """An annotation or pydantic model that the answer is made to fit; the model is asked again until it does."""
    context_window: int | None = None
    """Tokens that the model can read: old observations are shortened, then summarised, before it is full."""
    limits: Limits | None = None
    """The most that a run, with all runs below it, may spend."""
    policy: Policy | Mapping[str, Decision] | None = None
    """Which calls are allowed, denied, or asked a person about."""
    approver: Approver | None = None
    journal: Journal | str | None = None
    """Where runs are stored, such as `"runs.db"`; nowhere by default."""
    observers: Sequence[Observer] = ()
    name: str | None = None
    description: str | None = None
    return_full_result: bool = False

    _form: ClassVar[Callable[..., Form] | str] = CodeForm
    _world: ClassVar[Callable[..., AbstractAsyncContextManager[Act]]]
    """Opens what actions are carried out in, and gives the function that carries one out."""

    def __post_init__(self) -> None:
        load("codeling.forms.settings:check")(self)
        self._model: Model = named("models", "model_from", self.model)
        given = self.journal
        self._journal: Journal | None = None if given is None else named("journals", "journal_from", given)
        self._tools: dict[str, Tool] = load("codeling.forms.settings:tools_of")(self)
        self._active: dict[asyncio.Task[Any], bool] = {}  # whether it is to stop
        self._last: tuple[Run, Memory] | None = None

    __setattr__ = deferred("codeling.forms.settings:put")
    """Change a setting; it holds for what begins then."""

    def run(self, task: str, *, stream: bool = False, **options: Any) -> Any:
        """Work on a task and give the final answer as a Python value; takes what `arun` takes.

        With `stream=True` gives an iterator of events instead, the last being `RunFinished`. Works
        in plain code, inside a running event loop and in a notebook. Ctrl-C ends the run cleanly.
        """
        work = self.astream(task, **options) if stream else self.arun(task, **options)
        return load(f"codeling.sync.doors:{'iterate' if stream else 'wait'}")(work)

    async def arun(
        self, task: str, *, reset: bool = True, images: Sequence[Any] = (),
        additional_args: Mapping[str, Any] | None = None, max_steps: int | None = None, run_id: str | None = None,
        return_full_result: bool | None = None, observers: Sequence[Observer] = (), audio: Sequence[Any] = (),
    ) -> Any:  # fmt: skip
        """Work on a task and give the final answer, or with `return_full_result` a `RunResult`.

        `reset=False` goes on with this agent's last run: its conversation and, while they are there,
        its variables. `images` are `Image`s, PIL images, paths or bytes, `audio` is `Audio`s, paths or bytes.
        `additional_args` become variables of the programs. `run_id` names the run; by default its name is random.
        Raises `EndsRun` where the run failed, was interrupted or waits for a person; `error.result` holds what it had.
        """
        told = {"images": images, "audio": audio, "max_steps": max_steps, "observers": observers, "run_id": run_id}
        load("codeling.forms.settings:check_run")(self, task, additional_args, **told)
        last, parent = None if reset else self._last, running()
        memory = last[1].copy() if last else Memory(self._new_form())
        run = Run(
            run_id or uuid.uuid4().hex, fold=memory.add, journal=self._journal or (parent.journal if parent else None),
            spent=Spent(limits=self.limits or Limits(), parent=parent.spent if parent else None),
            observers=(*(self.observers or ()), *observers, *(parent.observers if parent else ())),
        )  # fmt: skip
        if last:
            run.session, last[0].session = last[0].session, None
        started = RunStarted(
            task=task, agent=self.name or type(self).__name__, variables=dict(additional_args or {}),
            images=tuple(i if isinstance(i, Image) else load("codeling.forms.images:image_from")(i) for i in images),
            audio=load("codeling.forms.images:audio_from")(audio) if audio else (), seed=uuid.uuid4().int,
            parent_id=parent.id if parent else None, continues=last[0].id if last else None,
            max_steps=self.max_steps if max_steps is None else max_steps,
            tools={name: tool.stub for name, tool in self._tools.items()}, instructions=self.instructions or "",
        )  # fmt: skip
        perform = load("codeling.durable.holding:perform") if run.journal else Agent._perform
        result = await perform(self, run, memory, started)
        full = self.return_full_result if return_full_result is None else return_full_result
        return result if full else result.answer()

    astream = deferred("codeling.sync.doors:events")
    """Work on a task and give its events as they happen; takes what `arun` takes. Closing the iterator ends the run."""
    aresume = deferred("codeling.durable.resume:resume")
    """Go on with a stored run that was cut short, without doing anything twice; see `durable.resume`."""
    afork = deferred("codeling.durable.fork:fork")
    """Begin a new run that has the first steps of a stored one as its past; see `durable.resume`."""
    resume = deferred("codeling.durable.doors:resume")
    """Do what `aresume` does, from plain code."""
    fork = deferred("codeling.durable.doors:fork")
    """Do what `afork` does, from plain code."""
    rollback = deferred("codeling.durable.doors:rollback")
    """Undo what a stored run did, by its tools' `compensate`, the last call first; see `durable.rollback`."""
    save = deferred("codeling.integrations.saving:save_agent")
    """Write the agent into a folder that `from_folder` reads and that runs as a Gradio Space."""
    push_to_hub = deferred("codeling.integrations.saving:push_agent")
    """Save the agent and publish it as a Space on the Hub."""
    from_folder = staticmethod(deferred("codeling.integrations.saving:agent_from_folder"))
    """Give the agent that a folder holds."""
    from_hub = staticmethod(deferred("codeling.integrations.saving:agent_from_hub"))
    """Give the agent that a Space on the Hub holds."""

    def close(self) -> None:
        """End what the last run left for `reset=False`: its conversation and its interpreter."""
        last, self._last = self._last, None
        if last and last[0].session:
            last[0].session.close()

    def __exit__(self, *error: object) -> None:
        self.close()

    def interrupt(self) -> None:
        """End every run of this agent that is under way, also in the middle of a program. From any thread."""
        for task in tuple(self._active):
            self._active[task] = True
            task.get_loop().call_soon_threadsafe(task.cancel)

    async def _perform(self, run: Run, memory: Memory, started: RunStarted) -> RunResult:
        """See a run through to its recorded end, whatever that is."""
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._active[task] = False
        token, output, failure = current.set(here := [run]), None, cast("BaseException | None", None)
        state: RunState
        run.model, run.person, most = self._model, run.approver or self.approver, run.spent.limits.seconds
        try:
            async with asyncio.timeout(most and most - run.spent.seconds) as clock:
                state, output = await self._loop(run, memory, started)
        except asyncio.CancelledError as error:
            failure, state = error, "interrupted"
            if self._active[task]:
                task.uncancel()
                failure = Interrupted("interrupt() was called")
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001  # recorded, and raised again below
            failure = LimitReached(f"the limit on seconds is reached: {most:g}") if clock.expired() else error
            state = failure.state if isinstance(failure, EndsRun) else "failed"
        finally:
            current.reset(token)
            here.clear()
            self._active.pop(task)
        reason = load("codeling.secrets.masking:reason")(failure) if failure else None
        output = load("codeling.forms.answers:best_of")(run.events) if failure else output
        ended = RunFinished(state=state, output=output, error=reason, usage=run.spent.usage, seconds=run.spent.seconds)
        await run.emit(ended)
        self._last, result = (run, memory), result_of(run.id, run.events)
        if isinstance(failure, EndsRun):
            failure.result = result
        if failure and (state == "failed" or not isinstance(failure, EndsRun)):
            raise failure
        return result

    async def _loop(self, run: Run, memory: Memory, started: RunStarted) -> tuple[RunState, Any]:
        """Step until there is an answer that stands, or no step is left."""
        started = await run.emit(started)
        max_steps, accept = started.max_steps, load("codeling.forms.answers:accept")
        async with self._world(run, started) as act:
            for step in range(1, max_steps + 1):
                if self.planning_interval and (step - 1) % self.planning_interval == 0:
                    await load("codeling.forms.planning:plan")(self._model, run, memory, step, max_steps)
                finished = await self._step(run, memory, act, step)
                if finished.final:
                    accepted, answer = await accept(self, run, finished.answer)
                    if accepted:
                        return "success", answer
            memory.add_message(memory.form.last_call())
            finished = await self._step(run, memory, act, max_steps + 1)
            answer = finished.answer if finished.final else load("codeling.forms.answers:best_of")(run.events)
            return "max_steps_error", (await accept(self, run, answer))[1]

    async def _step(self, run: Run, memory: Memory, act: Act, step: int) -> StepFinished:
        """One turn: the model says what to do, and it is done."""
        await run.emit(StepStarted(step=step))
        replied = run.replayed(ModelReplied) or await self._ask(run, memory)
        run.spent.add(replied.reply.usage)
        since = time.perf_counter()
        try:
            finished = await act(replied.reply, step)
        except ShownToModel as error:
            finished = StepFinished(step=step, error=str(error))
        finished = await run.emit(replace(finished, seconds=time.perf_counter() - since))
        for callback in (self.step_callbacks or ()) if run.live else ():
            await load("codeling.forms.answers:call")(callback, finished, agent=self)
        return finished

    async def _ask(self, run: Run, memory: Memory) -> ModelReplied:
        run.spent.before("model_calls")
        form, since = memory.form, time.perf_counter()
        if self.context_window:
            await load("codeling.compaction.shrinking:compact")(self._model, run, memory, window=self.context_window)
        warmth = 0.7 if memory.repeats else None  # chance is the way out of a circle
        request = Request(messages=tuple(memory.messages), tools=form.schemas, grammar=form.grammar, temperature=warmth)
        on_delta = (lambda delta: run.show(ModelDelta(delta=delta))) if run.observers else None
        try:
            reply = await self._model.reply(request, on_delta=on_delta)
        except ContextOverflow:
            if not await load("codeling.compaction.shrinking:compact")(self._model, run, memory):
                raise
            reply = await self._model.reply(replace(request, messages=tuple(memory.messages)), on_delta=on_delta)
        return await run.emit(ModelReplied(reply=form.tidy(reply), seconds=time.perf_counter() - since))

    def _new_form(self) -> Form:
        kind = load(self._form) if isinstance(self._form, str) else self._form
        instructions = load("codeling.secrets.masking:masked")(self.instructions or "")
        return kind(self._tools.values(), instructions=instructions, result_type=self.result_type, model=self._model)


@dataclass(eq=False)
class CodeAgent(Agent):
    """An agent that acts by writing Python, run in a real sandbox."""

    _: KW_ONLY
    executor: Executor | str | None = None
    """Where programs run; by default behind the best wall that this machine gives."""
    additional_authorized_imports: Sequence[str] | None = None
    """With a list, programs may import the standard library and these; by default whatever is installed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._executor: Executor = named("executors", "executor_from", self.executor or "sandbox")

    @asynccontextmanager
    async def _world(self, run: Run, started: RunStarted) -> AsyncIterator[Act]:
        fresh = run.session is None
        session = run.session = run.session or await self._open(started)
        await run.emit(RunContinued(isolation=session.isolation, fresh=fresh))
        if started.variables:
            await session.assign(started.variables)
        broker = Broker(run, self._tools, policy=self.policy)
        yield lambda reply, step: self._act(run, session, broker, reply, step)

    async def _open(self, started: RunStarted) -> Session:
        allowed = self.additional_authorized_imports
        imports = None if allowed is None or "*" in allowed else tuple(allowed)
        stubs = {name: tool.stub for name, tool in self._tools.items()}
        return await self._executor.open(SessionSpec(tools=stubs, seed=started.seed, imports=imports, ahead=True))

    async def _act(self, run: Run, session: Session, broker: Broker, reply: Reply, step: int) -> StepFinished:
        code = load("codeling.forms.programs:read")(reply)
        await run.emit(CodeStarted(step=step, code=code))
        gate = load("codeling.approvals.pausing:Gate")(broker)
        program = session.run(code, step=step, on_call=gate, on_output=lambda text: run.show(CodeOutput(text=text)))
        outcome = await gate.through(program)
        return StepFinished(
            step=step, code=code, output=outcome.output, size=outcome.size, lines=outcome.lines, value=outcome.value,
            error=outcome.error, images=outcome.images, final=outcome.final, answer=outcome.answer, lost=outcome.lost,
        )  # fmt: skip


class ToolCallingAgent(Agent):
    """An agent that acts by JSON tool calls, several at once where the model makes several."""

    _form = "codeling.forms.calling:calling_form"

    @asynccontextmanager
    async def _world(self, run: Run, started: RunStarted) -> AsyncIterator[Act]:
        broker = Broker(run, self._tools, policy=self.policy)
        yield lambda reply, step: load("codeling.forms.calling:carry_out")(reply, step, calls=broker)
