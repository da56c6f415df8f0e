"""Old observations are shortened, then summarised, before a model's window is full.

Only what the model is shown changes: the whole text stays in the journal, and in the program's `outputs`.
What was done is a `ContextCompacted` event, from which a resumed run makes the same messages. It is
done rarely and by much, and the opening and the task are left alone, so that a provider's prompt
cache is lost seldom and never whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..events import ContextCompacted
from ..messages import Message, Request
from ..prompt import say

__all__ = ("compact", "compacted", "tokens_of")

FULL = 0.75
"""The part of the window at which something is done."""
GOAL = 0.5
"""The part of the window that is aimed at."""
KEPT = 4
"""The last messages stay whole: what the model has just done and seen."""
SHORT = 400
"""Characters that are left of an old observation."""
_PER_TOKEN = 3.5
_PICTURE = 1000
_SUMMARISE = (
    "The conversation is about to be shortened. Write down, for yourself and in at most 300 words, what has been done "
    "so far, which facts were found (with their exact values), which variables and functions the programs have "
    "defined, and what is still to be done. Write no code."
)


async def compact(model: Any, run: Any, memory: Any, *, window: int | None = None) -> bool:
    """Shorten the conversation if it nears the window, and say whether anything was done.

    Without a window the model has just refused the conversation as too long: it is halved.
    """
    size = tokens_of(memory.messages)
    if window is not None and size < FULL * window:
        return False
    goal = GOAL * window if window is not None else size / 2
    opening, upto = _opening(memory), len(memory.messages) - KEPT
    if upto <= opening:
        return False
    event = ContextCompacted(upto=upto, opening=opening, most=SHORT)
    if tokens_of(compacted(memory.messages, event)) > goal:
        event = await _summarised(model, run, memory, event)
    if tokens_of(compacted(memory.messages, event)) >= size:
        return False
    await run.emit(event)
    return True


async def _summarised(model: Any, run: Any, memory: Any, event: ContextCompacted) -> ContextCompacted:
    """Have the model write down what the messages that are dropped have said."""
    run.spent.before("model_calls")
    shown = [*compacted(memory.messages, event)[: event.upto], Message(role="user", content=_SUMMARISE)]
    reply = await model.reply(Request(messages=tuple(_joined(shown)), max_tokens=1000))
    run.spent.add(reply.usage)
    return replace(event, summary=reply.content.strip(), usage=reply.usage)


def compacted(messages: Sequence[Message], event: ContextCompacted) -> list[Message]:
    """Give the messages as they are after the event."""
    opening, old, rest = messages[: event.opening], messages[event.opening : event.upto], messages[event.upto :]
    if event.summary is None:
        return [*opening, *(_short(message, event.most) for message in old), *rest]
    told = Message(role="user", content=f"What you have done so far, in your own words:\n{event.summary}")
    while rest and rest[0].role == "tool":  # its calls were summarised
        rest = rest[1:]
    return _joined([*opening, told, *rest])


def _short(message: Message, most: int) -> Message:
    if message.role == "assistant" or (len(message.content) <= most + 200 and not message.images):
        return message
    text = message.content
    if len(text) > most + 200:
        half = most // 2
        left_out = len(text) - 2 * half
        text = f"{text[:half]}\n[... {left_out} characters of this old output are left out here ...]\n{text[-half:]}"
    return replace(message, content=text, images=())


def _joined(messages: Sequence[Message]) -> list[Message]:
    joined: list[Message] = []
    for message in messages:
        say(joined, message)
    return joined


def _opening(memory: Any) -> int:
    """How many messages stand before the first step: the rules, the examples and the task."""
    return len(memory.form.opening()) + 1


def tokens_of(messages: Sequence[Message]) -> float:
    """About how many tokens messages are, a little too many rather than too few."""
    letters = sum(len(message.content) + len(message.reasoning) + len(str(message.calls)) for message in messages)
    pictures = sum(len(message.images) for message in messages)
    return letters / _PER_TOKEN + pictures * _PICTURE
