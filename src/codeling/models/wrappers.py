"""Models made of models: one that falls back on others, one that keeps to a rate.

Each is a model like any, so they may be put into each other. None knows a provider.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from threading import Lock

from ..errors import ContextOverflow, ModelError, UsageError
from ..lookup import Recorded
from ..messages import Reply, Request
from ..protocols import Model, OnDelta
from .registry import model_from

__all__ = ("FallbackModel", "RateLimitedModel")


class FallbackModel(Recorded):
    """The first of several models; where it fails for good, the next one answers the same request.

    Each model has its own retries first. A model that failed is passed over for `rest` seconds. A
    conversation that is too long for one is put to the others. Raises the last one's error, with
    the words of them all, where every one failed.
    """

    def __init__(self, models: Iterable[Model | str], *, rest: float = 60.0) -> None:
        self._models: Sequence[Model] = [model_from(model) for model in models]
        if not self._models:
            raise UsageError("a FallbackModel is made of at least one model")
        self._rest, self._until = rest, [0.0] * len(self._models)

    @property
    def name(self) -> str:
        """The names of all, in their order."""
        return " or ".join(model.name for model in self._models)

    @property
    def reads_images(self) -> bool:
        """Whether every one of them reads pictures: any may be the one that answers."""
        return all(getattr(model, "reads_images", True) for model in self._models)

    @property
    def calls_natively(self) -> bool:
        """Whether every one of them makes tool calls by itself."""
        return all(getattr(model, "calls_natively", True) for model in self._models)

    async def reply(self, request: Request, /, *, on_delta: OnDelta | None = None) -> Reply:
        """Answer the conversation; see `Model.reply`. `on_delta` may see the beginnings of several answers."""
        failed: list[ModelError] = []
        for index in self._order():
            try:
                return await self._models[index].reply(request, on_delta=on_delta)
            except ModelError as error:
                failed.append(error)
                if not isinstance(error, ContextOverflow):
                    self._until[index] = time.monotonic() + self._rest
        raise type(failed[-1])("; ".join(map(str, failed))) from None

    def _order(self) -> list[int]:
        """Those that are not resting, in their order, then the others, the longest rested first."""
        now = time.monotonic()
        return sorted(range(len(self._models)), key=lambda index: max(self._until[index] - now, 0.0))


class RateLimitedModel(Recorded):
    """A model that is asked no more often, and for no more tokens, than it may be in a minute.

    All runs that use this object share the rate; so do its threads and event loops. A request is
    let through when there is room for it; the tokens of a reply count once they are known.
    """

    def __init__(
        self, model: Model | str, *, requests_per_minute: float | None = None, tokens_per_minute: float | None = None
    ) -> None:
        for what, most in (("requests_per_minute", requests_per_minute), ("tokens_per_minute", tokens_per_minute)):
            if most is not None and not most > 0:
                raise UsageError(f"{what} is a number above 0, not {most!r}")
        self._model = model_from(model)
        self._requests = _Bucket(requests_per_minute)
        self._tokens = _Bucket(tokens_per_minute)

    @property
    def name(self) -> str:
        """The model's own name."""
        return self._model.name

    @property
    def reads_images(self) -> bool:
        """Whether the model reads pictures."""
        return getattr(self._model, "reads_images", True)

    @property
    def calls_natively(self) -> bool:
        """Whether the model makes tool calls by itself."""
        return getattr(self._model, "calls_natively", True)

    async def reply(self, request: Request, /, *, on_delta: OnDelta | None = None) -> Reply:
        """Wait for room, then answer the conversation; see `Model.reply`."""
        await self._tokens.room()
        await self._requests.take(1)
        reply = await self._model.reply(request, on_delta=on_delta)
        self._tokens.spend(reply.usage.total_tokens)
        return reply


class _Bucket:
    """What may be spent: it fills evenly up to a minute's worth, and may be overdrawn by one reply."""

    def __init__(self, most: float | None) -> None:
        self._most = most
        self._left, self._at = most or 0.0, time.monotonic()
        self._lock = Lock()

    def spend(self, amount: float) -> None:
        """Take an amount, whatever there is."""
        with self._lock:
            self._fill()
            self._left -= amount

    async def take(self, amount: float) -> None:
        """Take an amount at once where there is room, else in the order in which it was asked for."""
        if self._most is None:
            return
        with self._lock:
            self._fill()
            self._left -= amount
            debt = -self._left
        if debt > 0:
            try:
                await asyncio.sleep(debt * 60 / self._most)
            except asyncio.CancelledError:
                self.spend(-amount)
                raise

    async def room(self) -> None:
        """Wait until nothing is overdrawn."""
        while self._most is not None:
            with self._lock:
                self._fill()
                debt = -self._left
            if debt <= 0:
                return
            await asyncio.sleep(debt * 60 / self._most)

    def _fill(self) -> None:
        now, most = time.monotonic(), self._most or 0.0
        self._left = min(most, self._left + (now - self._at) * most / 60)
        self._at = now
