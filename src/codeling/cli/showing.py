"""A run from its first event to its exit code: the steps on stderr, the answer or the events on stdout."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import IO, Any

from ..errors import EndsRun
from ..events import Event, RunStarted
from ..lookup import load
from ..result import RunResult
from . import EXITS, say
from .answers import answer_text
from .stored import add_journal_option, named_journal, shown_journal

__all__ = ("add_output_options", "shown", "told_again")


def add_output_options(command: Any) -> None:
    """Add the options that say what is printed."""
    output = command.add_argument_group("output")
    add_journal_option(output, "keep the run's events in this journal")
    output.add_argument("--quiet", action="store_true", help="show no steps, only the answer")
    output.add_argument("--json", action="store_true", help="print every event as a line of JSON instead of the answer")


def shown(options: Namespace, agent: Any, work: Callable[..., RunResult]) -> int:
    """Do the work, which takes `observers` and gives a result; show it; give the exit code."""
    load("codeling.cli.traced:trace_if_asked")()
    watch = _Watch(agent, sys.stdout if options.json else None)
    terminal = None if options.quiet else load("codeling.observers.terminal:TerminalObserver")(answer=False)
    try:
        with redirect_stdout(sys.stderr):  # what tools print is no part of the answer
            result = work(observers=[watch, *([terminal] if terminal else [])])
    except EndsRun:
        _say_kept(options, watch, ended=False)
        raise
    except KeyboardInterrupt:
        if watch.broken:
            raise BrokenPipeError from None
        _say_kept(options, watch, ended=False)
        raise
    finally:
        if terminal:
            terminal.close()
        agent.close()
    if watch.broken:
        raise BrokenPipeError
    code = _end(options, result)
    _say_kept(options, watch)
    if result.state == "paused":
        say(load("codeling.cli.said:how_to_decide")(options, result))
    return code


def told_again(options: Namespace, result: RunResult) -> int:
    """Print the answer of a run that had it before, or with `--json` its last event. Gives the exit code."""
    if options.json:
        print(load("codeling.cli.answers:event_text")(result.events[-1]))
    say(f"run {result.run_id} had come to its end before; nothing was done again")
    return _end(options, result)


def _end(options: Namespace, result: RunResult) -> int:
    if result.state != "success":
        say(result.error or f"no step is left after {options.max_steps}; this is the best answer so far")
    if not options.json and result.state in ("success", "limit", "max_steps_error"):
        print(answer_text(result.output, terminal=sys.stdout.isatty()))
    return EXITS[result.state]


def _say_kept(options: Namespace, watch: _Watch, *, ended: bool = True) -> None:
    run = watch.run_id or getattr(options, "resumed", "")
    if options.journal and run:
        say(f"run {run} is kept in {shown_journal(options.journal)}")
        if not ended:
            say(f"to go on: codeling resume {run[:12]}{named_journal(options)}")


class _Watch:
    """Notes which run this is and, with a file, writes each durable event to it as a line of JSON."""

    anywhere = True

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
