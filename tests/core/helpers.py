"""What the tests of the core share: tools, and how a model would write a program."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from codeling import CodeAgent, tool
from codeling.result import RunResult
from codeling.testing import ScriptedModel


def program(code: str) -> str:
    """Give a reply as a model writes it."""
    return f"Let me see.\n```python\n{code}\n```"


@tool
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


@tool
async def slow_double(number: int, seconds: float = 0.2) -> int:
    """Double a number, slowly."""
    await asyncio.sleep(seconds)
    return number * 2


@tool
def sleepy(number: int) -> int:
    """Give the number back after a while, blocking a thread."""
    time.sleep(0.2)
    return number


@tool
def broken(key: str) -> str:
    """Always fails."""
    raise KeyError(key)


TOOLS = (add, slow_double, sleepy, broken)


def agent(replies: Iterable[Any], **options: Any) -> CodeAgent:
    """Give a code agent that answers from a script; its programs run in the default sandbox."""
    texts = [program(reply[1:]) if isinstance(reply, str) and reply.startswith(">") else reply for reply in replies]
    return CodeAgent(options.pop("tools", TOOLS), ScriptedModel(texts), **options)


def run(*replies: Any, **options: Any) -> RunResult:
    """Run a task to its end; a reply that starts with `>` is a program."""
    made = agent(replies, **options)
    result = made.run("Do it.", return_full_result=True)
    made.close()
    assert isinstance(result, RunResult)
    return result
