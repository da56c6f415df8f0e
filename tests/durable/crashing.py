"""A run that is killed by SIGKILL at a chosen event, in a process of its own, and goes on in the next one.

Its programs call in sequence, gathered, in threads and through another agent, whose run is a run below.
What the tools do to the world is counted in a file that no journal knows.
"""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codeling import CodeAgent, Event, Settlement, SQLiteJournal, ToolCall, tool
from codeling.events import RunContinued, ToolCallFinished, ToolCallStarted
from codeling.journals.events import Diverged, OutcomeSettled, RunResumed
from codeling.testing import ScriptedModel

__all__ = ("ANSWER", "EFFECTS", "attempt", "killed")

RUN = "the-run"
PROGRAMS = (
    "import random\na = [act(1), act(2)]\nprint(a, look(6), look(7), look(8))",
    "import asyncio\nb = await asyncio.gather(act(3), act(4), act(5))\nx = random.random()\nprint(b)",
    """from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(3) as pool:
    c = list(pool.map(act, [6, 7, 8]))
print(c)""",
    "d, e = await asyncio.gather(helper('Go on.'), act(9))\nprint(d)",
    "final_answer([a, b, c, d, e, x == random.Random(0).random()])",
)
BELOW = (
    "f = [act(20), act(20)]\nprint(f)",
    "import asyncio\nf += await asyncio.gather(act(22), act(23))\nprint(f)",
    "final_answer(f)",
)
ANSWER = [[10, 20], [30, 40, 50], [60, 70, 80], [200, 200, 220, 230], 90, False]
EFFECTS = ["1", "2", "20", "20", "22", "23", "3", "4", "5", "6", "7", "8", "9"]
_RESUMING = (RunResumed, RunContinued, OutcomeSettled)
"""What a resumption adds to a journal whether or not it gets anywhere."""


class KillingJournal(SQLiteJournal):
    """Kills its process at the n-th event that it is to store."""

    def __init__(self, path: Path, *, at: int, before: bool, resuming: bool) -> None:
        super().__init__(path)
        self._left, self._before, self._resuming = at, before, resuming
        self._counting = threading.Lock()
        """Events of calls are stored from more threads than one."""
        begun = [text for text in _stored(path.parent) if '"event":"ToolCallStarted"' in text] if path.exists() else []
        self._begun = {text.partition('"name":')[2].partition(',"nested"')[0] for text in begun}
        """Calls that were begun before: one that is made again is no new event, or the run would never get on."""

    async def append(self, event: Event, /) -> None:
        """Store the event, and perhaps die right before that or right after."""
        counted = isinstance(event, _RESUMING) if self._resuming else not isinstance(event, _RESUMING)
        if isinstance(event, ToolCallStarted):
            text = self._texts.text(event).partition('"name":')[2].partition(',"nested"')[0]
            counted = counted and text not in self._begun
        with self._counting:
            self._left -= counted
            left = self._left
        if self._before and left <= 0 and isinstance(event, ToolCallFinished) and _counts(event.value):
            os.kill(os.getpid(), signal.SIGKILL)
        await super().append(event)
        if not self._before and counted and left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _counts(value: Any) -> bool:
    """Whether it is the value of a call that acted; one that only looked is simply made again, for ever."""
    return isinstance(value, int) and value >= 10


def attempt(folder: Path, at: int, *, before: bool = False, resuming: bool = False) -> None:
    """Begin the run, or go on with it, and die at its event `at`; else leave its answer in a file.

    With `before` the process dies when a call has acted and its end is about to be stored; with
    `resuming` only the events are counted that a resumption adds.
    """
    try:
        _work(folder, KillingJournal(folder / "runs.db", at=at, before=before, resuming=resuming))
    except BaseException:
        (folder / "trouble").write_text(traceback.format_exc())
        raise


def _work(folder: Path, journal: SQLiteJournal) -> None:
    effects, marker = folder / "effects", folder / "begun"

    @tool
    def act(number: int) -> int:
        """Do something to the world that can be counted."""
        with effects.open("a") as out:
            out.write(f"{number}\n")
        return number * 10

    @tool(effect="read")
    def look(number: int) -> int:
        """Look, which changes nothing."""
        return number

    def settle(call: ToolCall) -> Any:
        """Do what a person would do: look whether it happened."""
        number = call.args[0]
        happened = effects.read_text().split().count(str(number)) if effects.exists() else 0
        known = _finished(folder, number)
        return Settlement(value=number * 10) if happened > known else "repeat"

    helper = CodeAgent([act], _script(BELOW), name="helper", description="Helps.")
    agent = CodeAgent([act, look], _script(PROGRAMS), managed_agents=[helper], journal=journal)
    if marker.exists() and _begun(folder):
        result = agent.resume(RUN, settle=settle, return_full_result=True)
    else:
        marker.touch()
        result = agent.run("Act.", run_id=RUN, return_full_result=True)
    diverged = [event for event in result.events if isinstance(event, Diverged)]
    (folder / "answer").write_text(repr((result.output, diverged)))


def _script(programs: Sequence[str]) -> ScriptedModel:
    """Answer by how far the conversation is, as a model would; the examples before it do not count."""

    def reply(messages: Sequence[Any]) -> str:
        task = max(n for n, message in enumerate(messages) if "Task: " in message.content and message.role == "user")
        return f"```python\n{programs[sum(message.role == 'assistant' for message in messages[task:])]}\n```"

    return ScriptedModel(reply)


def _stored(folder: Path) -> list[str]:
    import sqlite3

    with sqlite3.connect(folder / "runs.db") as connection:
        rows = connection.execute("SELECT event FROM events").fetchall()
    connection.close()
    return [text for (text,) in rows]


def _begun(folder: Path) -> bool:
    return any('"event":"RunStarted"' in text for text in _stored(folder))


def _finished(folder: Path, number: int) -> int:
    """How many calls with this number are known to have returned."""
    ends = ('"event":"ToolCallFinished"', '"event":"OutcomeSettled"')
    return sum(f'"value":{number * 10},' in text and any(end in text for end in ends) for text in _stored(folder))


def killed(code: int | None) -> bool:
    """Whether a process was ended by SIGKILL."""
    return code == -signal.SIGKILL
