"""A plan before acting, for agents that ask for one."""

from __future__ import annotations

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
        asked = memory.copy()
        asked.add_message(Message(role="user", content=_PLAN.format(left=max_steps - step + 1)))
        reply = await model.reply(Request(messages=tuple(asked.messages)))
        made = await run.emit(PlanMade(step=step, plan=reply.content.strip(), usage=reply.usage))
    run.spent.add(made.usage)
