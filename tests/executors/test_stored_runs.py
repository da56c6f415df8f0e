"""Runs that stop in the middle of a program and go on in another interpreter, with agents below, on every executor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from codeling import CodeAgent, Diverged, Event, MemoryJournal, RunPaused, RunStarted, tool

from .helpers import agent, slow

pytestmark = pytest.mark.timeout(400)  # services and vendors' libraries start slowly on a busy machine
done: list[Any] = []
MANAGER = (
    "import asyncio\nx = act(1)\nprint(x)",
    "y = await asyncio.gather(act(2), helper('Go.', number=40), slow(3))\nfinal_answer([x, *y])",
)
HELPER = ("found = [act(number), act(number + 1)]\nprint(found)", "final_answer([*found, pay(5)])")


@tool
def act(number: int) -> int:
    """Do something that can be counted."""
    done.append(number)
    return number * 10


@tool(needs_approval=True)
def pay(amount: int) -> str:
    """Pay an amount."""
    done.append("paid")
    return f"paid {amount}"


def team(make: Callable[..., Any], journal: Any, manager: tuple[str, ...], helper: tuple[str, ...]) -> CodeAgent:
    """Give an agent and one below it, each in an interpreter of its own."""
    below = agent(make(), *helper, tools=[act, pay], name="helper", description="Helps.")
    return agent(make(), *manager, tools=[act, slow], managed_agents=[below], journal=journal)


def test_a_run_stops_in_an_agent_below_and_goes_on(make: Callable[..., Any]) -> None:
    """The call beside it is finished first; the new interpreters do nothing twice, and nothing differs."""
    done.clear()
    journal, seen = MemoryJournal(), list[Event]()
    with team(make, journal, MANAGER, HELPER) as first, pytest.raises(RunPaused) as caught:
        first.run("Go.")
    assert sorted(done) == [1, 2, 40, 41]
    with team(make, journal, (), ()) as second:
        result = second.resume(
            caught.value.result.run_id, approve=True, return_full_result=True, observers=[seen.append]
        )

    assert result.output == [10, 20, [400, 410, "paid 5"], 3]
    assert [what for what in done if isinstance(what, str)] == ["paid"]
    assert len(done) == 5
    assert [event for event in seen if isinstance(event, (Diverged, RunStarted))] == []
