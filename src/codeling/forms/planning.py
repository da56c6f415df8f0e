"""A plan before acting, for agents that ask for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..events import PlanMade
from ..messages import Message, Request

__all__ = ("plan",)

_PLAN = (
    "Before you go on, write down in a few short lines what is known, what is still missing, and the steps that "
    "lead to the answer. You have {left} steps left. Write no code now."
)


async def plan(model: Any, run: Any, memory: Any, step: int, max_steps: int) -> None:
    """Have the model write down how it means to go on, or recall what it wrote."""
    made = run.replayed(PlanMade)
    if made is None:
        run.spent.before("model_calls")
        asked = _asked(memory.messages, _PLAN.format(left=max_steps - step + 1))
        reply = await model.reply(Request(messages=asked))
        made = await run.emit(PlanMade(step=step, plan=reply.content.strip(), usage=reply.usage))
    run.spent.add(made.usage)


def _asked(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    """Ask at the end of the conversation, without two messages of the user in a row."""
    *before, last = messages
    if last.role != "user":
        return (*messages, Message(role="user", content=text))
    return (*before, replace(last, content=f"{last.content}\n\n{text}"))
