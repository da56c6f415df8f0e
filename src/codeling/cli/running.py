"""`codeling run`: one task from its words to its answer, and a run's end as an exit code."""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import redirect_stdout
from typing import IO, Any

from ..errors import EndsRun, UsageError
from ..events import Event, RunStarted
from ..lookup import load
from ..result import RunResult
from . import EXITS, say
from .answers import answer_text

__all__ = ("run",)


def run(options: Namespace) -> int:
    """Do what `codeling run` says and give its exit code. Raises what ends a run."""
    task = _task(options.task)
    agent = _agent(options)
    watch = _Watch(agent, sys.stdout if options.json else None)
    terminal = None if options.quiet else load("codeling.observers.terminal:TerminalObserver")(answer=False)
    try:
        with redirect_stdout(sys.stderr):  # what tools print is no part of the answer
            result = agent.run(task, return_full_result=True, observers=[watch, *([terminal] if terminal else [])])
    except EndsRun:
        _say_kept(options, watch)
        raise
    except KeyboardInterrupt:
        if watch.broken:
            raise BrokenPipeError from None
        _say_kept(options, watch)
        raise
    finally:
        if terminal:
            terminal.close()
        agent.close()
    if watch.broken:
        raise BrokenPipeError
    return _end(options, result, watch)


def _end(options: Namespace, result: RunResult, watch: _Watch) -> int:
    if result.state != "success":
        say(result.error or f"no step is left after {options.max_steps}; this is the best answer so far")
    _say_kept(options, watch)
    if not options.json and result.state in ("success", "limit", "max_steps_error"):
        print(answer_text(result.output, terminal=sys.stdout.isatty()))
    return EXITS[result.state]


def _say_kept(options: Namespace, watch: _Watch) -> None:
    if options.journal and watch.run_id:
        say(f"run {watch.run_id} is kept in {options.journal}")


def _task(given: str) -> str:
    task = sys.stdin.read() if given == "-" else given
    if not task.strip():
        raise UsageError("the task is empty: say what to do, such as codeling run 'What is 2 ** 100?'")
    return task


def _agent(options: Namespace) -> Any:
    shared = {
        "instructions": options.instructions, "max_steps": options.max_steps, "journal": options.journal,
        "approver": load("codeling.cli.asking:asker")(),
    }  # fmt: skip
    tools = load("codeling.cli.loading:tools_named")(options.tools)
    own: dict[str, Any] = {"executor": options.executor, "additional_authorized_imports": options.imports}
    if options.agent == "calls" and any(value is not None for value in own.values()):
        raise UsageError("--executor and --imports are for programs; with --agent calls none are run")
    kind = load(f"codeling.agent:{'CodeAgent' if options.agent == 'code' else 'ToolCallingAgent'}")
    if options.executor:  # a wrong name is said before weights are fetched
        own["executor"] = load("codeling.executors.registry:executor_from")(options.executor)
    model = load("codeling.cli.loading:model_named")(options.model, base=options.api_base, key_env=options.api_key_env)
    return kind(tools, model, **shared, **(own if options.agent == "code" else {}))


class _Watch:
    """Notes which run this is and, with a file, writes each durable event to it as a line of JSON."""

    def __init__(self, agent: Any, file: IO[str] | None) -> None:
        self._agent, self._file = agent, file
        self._texts = load("codeling.cli.answers:event_text") if file else None
        self.run_id = ""
        self.broken = False
        """Nobody reads what is written any more."""

    def __call__(self, event: Event, /) -> None:
        if isinstance(event, RunStarted) and not self.run_id:
            self.run_id = event.run_id
        if self._file is None or self._texts is None or not event.durable or self.broken:
            return
        try:
            self._file.write(f"{self._texts(event)}\n")
            self._file.flush()
        except BrokenPipeError:
            self.broken = True
            self._agent.interrupt()
