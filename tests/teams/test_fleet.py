"""Many runs at once on one agent: nothing is shared, nothing is left behind, and each can be cancelled."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codeling import CodeAgent, CodeStarted, Event, RunFinished
from codeling.testing import ScriptedModel

from ..core.helpers import add, program, slow_double


def below(pid: int) -> list[int]:
    """Give the processes below one."""
    children = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children += [int(child) for child in task.read_text().split()]
        except OSError:  # the thread has ended
            continue
    return children + [other for child in children for other in below(child)]


def kept() -> tuple[int, int]:
    """Count the processes below this one, and its descriptors."""
    gc.collect()
    return len(below(os.getpid())), len(list(Path("/proc/self/fd").iterdir()))


def comes_true(condition: Callable[[], bool]) -> bool:
    """Whether something becomes true within a few seconds: processes take their time to be gone."""
    for _ in range(100):
        if condition():
            return True
        time.sleep(0.1)
    return condition()


def step_of(messages: Any) -> int:
    """Give which step the model is asked for, from the end of what the program printed."""
    told = messages[-1].content
    return int(told.split("step ")[1].split()[0]) + 1 if "step " in told else 1


def scripted(messages: Any) -> str:
    step = step_of(messages)
    return program(
        "final_answer(total)"
        if step == 3
        else f"total = add({step}, globals().get('total', number))\nprint('step {step}')"
    )


def test_nothing_is_left_of_a_hundred_runs() -> None:
    """A hundred runs on one agent give each its own answer; afterwards there is no process and no descriptor more."""
    agent = CodeAgent([add], ScriptedModel(scripted))
    asyncio.run(agent.arun("Add.", additional_args={"number": 0}))
    agent.close()
    before = kept()

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*[agent.arun("Add.", additional_args={"number": n}) for n in range(100)])

    assert asyncio.run(all_of_them()) == [n + 3 for n in range(100)]
    agent.close()
    assert comes_true(lambda: kept() <= before), (before, kept())


def test_a_cancelled_run_leaves_nothing() -> None:
    """Cancelled in the middle of a program or of a tool, it is recorded as interrupted, and its sandbox is gone."""
    agent = CodeAgent(
        [slow_double],
        ScriptedModel(lambda messages: program(messages[-1].content.split("Task: ")[1].partition("\n")[0])),
    )
    seen: list[Event] = []

    async def cancelled(task: str) -> None:
        begun = asyncio.Event()

        def watch(event: Event) -> None:
            seen.append(event)
            if isinstance(event, CodeStarted):
                begun.set()

        work = asyncio.create_task(agent.arun(task, observers=[watch]))
        await begun.wait()
        await asyncio.sleep(0.2)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(agent.arun("final_answer(1)"))
    agent.close()
    before = kept()
    asyncio.run(cancelled("while True: pass"))
    asyncio.run(cancelled("slow_double(1, 60)"))
    agent.close()

    assert [event.state for event in seen if isinstance(event, RunFinished)] == ["interrupted", "interrupted"]
    assert comes_true(lambda: kept() <= before), (before, kept())


_FEW = """
import asyncio, resource
from codeling import CodeAgent
from codeling.testing import ScriptedModel
hard = HARD
resource.setrlimit(resource.RLIMIT_NOFILE, (96, hard))
agent = CodeAgent([], ScriptedModel(lambda messages: "```python\\nfinal_answer(1)\\n```", delay=1.0))
async def all_of_them():
    return await asyncio.gather(*[agent.arun("Go.") for _ in range(60)], return_exceptions=True)
answers = asyncio.run(all_of_them())
print(answers.count(1), {str(answer) for answer in answers if answer != 1})
"""


def test_a_low_limit_on_descriptors_is_raised_or_told() -> None:
    """Where the soft limit is low it is raised; where the hard one is, the runs that have no room say what to do."""
    roomy, tight = (
        subprocess.run(
            [sys.executable, "-c", _FEW.replace("HARD", hard)], check=True, capture_output=True, text=True
        ).stdout
        for hard in ("4096", "96")
    )

    assert roomy.startswith("60 ")
    assert "may have 96 open descriptors" in tight
    assert "ulimit -Hn" in tight
