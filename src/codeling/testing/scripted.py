"""A model that answers from a script, so that an agent can be tested without one. Never reaches a network."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from ..errors import ModelError, UsageError
from ..messages import Delta, Message, Reply, Request, ToolCall, Usage
from ..protocols import OnDelta

__all__ = ("Line", "ScriptedModel")

Line: TypeAlias = "str | Reply | Sequence[ToolCall] | BaseException | Callable[[Sequence[Message]], Any]"
"""One reply of a script: its text, the whole reply, native calls, an error to raise, or a function that gives one."""

_PIECE = 8


class ScriptedModel:
    """A model that gives the replies of a list in their order, or whatever a function of the messages gives.

    A text is what a model would write, such as a fence with Python in it. Runs that overlap share one
    list: each reply is given once, to whoever asks first. `requests` holds what was asked, in order.
    Tokens are counted as one for four characters; a `Reply` that has a usage of its own keeps it.
    """

    def __init__(
        self,
        replies: Iterable[Line] | Callable[[Sequence[Message]], Any],
        *,
        name: str = "scripted",
        reads_images: bool = True,
        calls_natively: bool = True,
        delay: float = 0.0,
    ) -> None:
        if isinstance(replies, str | Reply):
            raise UsageError(f"a script is a list of replies or one function; put {replies!r} into a list")
        self.name, self.reads_images, self.calls_natively = name, reads_images, calls_natively
        self.requests: list[Request] = []
        self._delay = delay
        self._answer = replies if callable(replies) else None
        self._left = deque(() if callable(replies) else replies)
        self._given = len(self._left)

    async def reply(self, request: Request, /, *, on_delta: OnDelta | None = None) -> Reply:
        """Give the next reply. Raises `ModelError` at the end of the script."""
        messages = tuple(request.messages)
        self.requests.append(replace(request, messages=messages))
        line = self._next()
        if self._delay:
            await asyncio.sleep(self._delay)
        reply = _priced(await _resolved(line, messages), messages)
        reply = reply if reply.model else replace(reply, model=self.name)
        if on_delta is not None:
            await _stream(reply, on_delta)
        return reply

    def _next(self) -> Line:
        if self._answer is not None:
            return self._answer
        if not self._left:
            raise ModelError(
                f"the script of {self.name!r} is at its end: it holds {self._given} "
                f"{'reply' if self._given == 1 else 'replies'} and this is request {len(self.requests)}; "
                "add the reply that is missing, or find out why the run did not end before"
            )
        return self._left.popleft()


async def _resolved(line: Any, messages: Sequence[Message]) -> Reply:
    while callable(line) and not isinstance(line, type):
        line = line(messages)
        line = await line if inspect.isawaitable(line) else line
    match line:
        case BaseException():
            raise line
        case Reply():
            return line
        case str():
            return Reply(content=line)
        case [ToolCall(), *_] if all(isinstance(call, ToolCall) for call in line):
            return Reply(calls=tuple(line), finish="calls")
    raise UsageError(f"a scripted reply is a text, a Reply, a list of ToolCall, an error or a function, not {line!r}")


def _priced(reply: Reply, messages: Sequence[Message]) -> Reply:
    if reply.usage != Usage():
        return reply
    asked = sum(len(message.content) for message in messages)
    wrote = len(reply.content) + sum(len(call.name) + len(str(dict(call.kwargs))) for call in reply.calls)
    thought = len(reply.reasoning) // 4
    usage = Usage(input_tokens=asked // 4, output_tokens=wrote // 4 + thought, reasoning_tokens=thought)
    return replace(reply, usage=usage)


async def _stream(reply: Reply, on_delta: OnDelta) -> None:
    for text, pieces in ((reply.reasoning, "reasoning"), (reply.content, "text")):
        for start in range(0, len(text), _PIECE):
            kind: Any = pieces
            on_delta(Delta(text=text[start : start + _PIECE], kind=kind))
            await asyncio.sleep(0)
    for call in reply.calls:
        on_delta(Delta(text=f"{call.name}{dict(call.kwargs)}", kind="call"))
