"""A run in a process of its own that is killed right after its n-th event is stored. Usage: FILE EFFECTS RUN N."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from codeling import CodeAgent, SQLiteJournal, tool
from codeling.events import Event, RunStarted
from codeling.testing import ScriptedModel

PROGRAMS = (
    "a = act(1)\nb = act(2)\nprint(a + b)",
    "import asyncio\nc = await asyncio.gather(act(3), act(4), act(5))\nprint(c)",
    "import random\nd = [act(n) for n in sorted(c)]\nx = random.random()",
    "final_answer([a, b, c, d, x])",
)


class KillingJournal(SQLiteJournal):
    """Kills its process once `left` more events are stored."""

    def __init__(self, path: str, left: int) -> None:
        super().__init__(path)
        self.left = left

    async def append(self, event: Event, /) -> None:
        """Store the event, and perhaps die."""
        await super().append(event)
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Begin the run, or resume it if the journal holds one."""
    file, effects, left = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])

    @tool(effect="write")
    def act(number: int) -> int:
        """Do something to the world that can be counted."""
        with effects.open("a") as out:
            out.write(f"{number}\n")
        return number * 10

    def reply(messages: Any) -> str:
        done = sum("```python" in message.content for message in messages if message.role == "assistant")
        return f"```python\n{PROGRAMS[done - EXAMPLES]}\n```"

    agent = CodeAgent([act], ScriptedModel(reply), journal=KillingJournal(file, left))
    EXAMPLES = sum(m.role == "assistant" for m in agent._new_form().opening())
    known = Path(file).with_suffix(".run")
    if known.exists():
        print(agent.resume(known.read_text()))
        return

    def note(event: Event, /) -> None:
        if isinstance(event, RunStarted):
            known.write_text(event.run_id)

    agent.observers = [note]
    print(agent.run("Act."))


if __name__ == "__main__":
    main()
