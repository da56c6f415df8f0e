"""What the executors' tests share: tools, and runs of programs."""

from __future__ import annotations

import asyncio
from typing import Any

from codeling import CodeAgent, RunResult, tool
from codeling.testing import ScriptedModel


@tool
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


@tool
async def slow(number: int) -> int:
    """Give the number back after a while."""
    await asyncio.sleep(0.2)
    return number


@tool
def thing() -> object:
    """Give something that is no data."""
    return THING


@tool
def same(what: object) -> bool:
    """Say whether this is the thing."""
    return what is THING


@tool
def echo(value: object) -> object:
    """Give it back."""
    return value


THING = object()
TOOLS = (add, slow, thing, same, echo)


def agent(executor: Any, *programs: str, **options: Any) -> CodeAgent:
    """Give an agent whose model writes these programs, one a step."""
    script = ScriptedModel([f"```python\n{program}\n```" for program in programs])
    return CodeAgent(options.pop("tools", TOOLS), script, executor=executor, **options)


def run(executor: Any, *programs: str, **options: Any) -> RunResult:
    """Run these programs, one a step."""
    with agent(executor, *programs, **options) as made:
        result = made.run("Go.", return_full_result=True)
    assert isinstance(result, RunResult)
    return result
