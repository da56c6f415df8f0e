"""What the tests of observers share: agents whose models follow a script, and hostile texts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from codeling import CodeAgent, Reply, tool
from codeling.events import Event
from codeling.messages import Usage
from codeling.result import RunResult
from codeling.testing import ScriptedModel

HOSTILE = (
    "</script><script>document.title='pwned'</script><!--<img src=x onerror=\"document.title='pwned'\">"
    "![p](http://203.0.113.7/p.png) `` ``` {{7*7}} \x1b]0;t\x07\x1b[31m \u202e"
)
"""Markup, a script, a picture to fetch, fences, terminal codes and a turned reading direction."""


@tool
def double(number: int) -> int:
    """Double a number."""
    return number * 2


@tool
async def slow(number: int) -> int:
    """Give the number back, slowly."""
    await asyncio.sleep(0.15)
    return number


@tool
def failing(key: str) -> str:
    """Always fails."""
    raise KeyError(key)


@tool(needs_approval=True)
def launch(where: str) -> str:
    """Launch something."""
    return f"launched to {where}"


TOOLS = (double, slow, failing, launch)


def reply(code: str, thought: str = "Let me see.") -> Reply:
    """Give a reply as a model writes it, with tokens and a price."""
    usage = Usage(input_tokens=100, output_tokens=10, cached_tokens=40, cost=0.5)
    return Reply(content=f"{thought}\n```python\n{code}\n```", model="scripted", usage=usage)


def agent(*programs: str, tools: Iterable[Any] = TOOLS, **options: Any) -> CodeAgent:
    """Give an agent whose model writes these programs."""
    return CodeAgent(tools, ScriptedModel([reply(code) for code in programs]), **options)


def team(**options: Any) -> CodeAgent:
    """Give an agent that has another one help it, calls tools at once, and makes a mistake."""
    helper = agent("print('hm')\nlen('seven')", "final_answer(7)", name="helper", description="Helps.")
    programs = (
        "import asyncio\nprint('begin')\npair = await asyncio.gather(slow(1), slow(2))\nprint(pair)",
        "failing('pears')",
        "print(helper('Give seven.'))",
        "final_answer({'a': 1})",
    )
    return agent(*programs, managed_agents=[helper], **options)


def seen(made: CodeAgent, task: str = "Do it.", **options: Any) -> list[Event]:
    """Run a task to its end; give the events of the run and of those below it, as an observer sees them."""
    events: list[Event] = []
    run(made, task, observers=[events.append], **options)
    return events


def run(made: CodeAgent, task: str = "Do it.", **options: Any) -> RunResult:
    """Run a task to its end."""
    result = made.run(task, return_full_result=True, **options)
    made.close()
    assert isinstance(result, RunResult)
    return result
