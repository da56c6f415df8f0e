"""An agent's session starts while its model thinks: the first program waits for it, and nothing is left of it."""

from __future__ import annotations

import asyncio
import gc
import uuid
from typing import Any

import pytest

from codeling import CodeAgent, ModelError, SandboxError, SandboxExecutor
from codeling.sandbox.session import Connection
from codeling.testing import ScriptedModel

from .test_ahead import children, until, warm_parents

HAVE = "final_answer('had')"


class Failing(SandboxExecutor):
    """An executor that can start a worker once, and no more."""

    started = 0

    def _spawn(self) -> Connection:
        self.started += 1
        if self.started > 1:
            raise SandboxError("there is no room for another")
        return super()._spawn()


def agent(executor: SandboxExecutor, *lines: str | Exception, delay: float = 0.0) -> CodeAgent:
    """An agent whose executor has had a session before; `lines` are the programs that follow, or errors of the model."""
    script = [line if isinstance(line, Exception) else f"```python\n{line}\n```" for line in (HAVE, *lines)]
    made = CodeAgent([], ScriptedModel(script, delay=delay), executor=executor)
    assert made.run("Have a session.") == "had"
    made.close()
    return made


def own() -> SandboxExecutor:
    """An executor with a warm parent of its own."""
    return SandboxExecutor(env={"FOR": str(uuid.uuid4())})


def only_the_next(parent: int) -> None:
    """Wait until a warm parent has no worker but the one that it made ahead. Errors hold what they came through."""
    until(lambda: gc.collect() >= 0 and len(children(parent)) == 1)


def test_variables_and_programs_wait_for_the_interpreter() -> None:
    """What is set and run right after the start finds an interpreter."""
    with agent(own(), "seen = given * 2", "final_answer(seen)") as made:
        assert made.run("Double it.", additional_args={"given": 21}) == 42


def test_a_sandbox_that_cannot_be_had_ends_the_run_with_the_reason() -> None:
    """The run fails when its first program should run; the model's reply is kept."""
    made = agent(Failing(), "print(1)")
    seen: list[Any] = []
    with pytest.raises(SandboxError, match="no room for another"):
        made.run("Print.", observers=[seen.append])
    kept = [type(event).__name__ for event in seen if event.durable]
    assert kept[-3:] == ["ModelReplied", "CodeStarted", "RunFinished"]


def test_nothing_is_left_of_a_start_that_nobody_waited_for(recwarn: pytest.WarningsRecorder) -> None:
    """A run that ends before its first program ends the worker that was starting, or could not be started."""
    before = warm_parents()
    executor = own()
    made = agent(executor)
    (parent,) = warm_parents() - before
    only_the_next(parent)
    for _ in range(3):
        with pytest.raises(ModelError):
            made.run("Nothing is left in the script.")
    made.close()
    only_the_next(parent)

    failing = agent(Failing())
    with pytest.raises(ModelError):
        failing.run("Nothing is left in the script.")
    failing.close()
    assert not [str(warning.message) for warning in recwarn.list if "never" in str(warning.message)]


def test_a_run_that_is_cancelled_while_its_model_thinks_leaves_no_worker() -> None:
    """Neither a worker nor a task of the loop."""
    before = warm_parents()
    made = agent(own(), *["final_answer(1)"] * 5, delay=0.2)
    (parent,) = warm_parents() - before
    only_the_next(parent)

    async def work() -> int:
        runs = [asyncio.create_task(made.arun("Think.")) for _ in range(5)]
        await asyncio.sleep(0.05)
        for run in runs:
            run.cancel()
        ended = await asyncio.gather(*runs, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in ended)
        made.close()
        await asyncio.sleep(0.5)
        return len(asyncio.all_tasks())

    assert asyncio.run(work()) == 1
    only_the_next(parent)


def test_a_conversation_goes_on_in_another_loop() -> None:
    """Also where the first run ended, and its loop with it, before its interpreter was there."""
    with agent(own(), ModelError("not now"), "final_answer(6 * 7)") as made:
        with pytest.raises(ModelError):
            asyncio.run(made.arun("Multiply."))
        assert asyncio.run(made.arun("Try again.", reset=False)) == 42
