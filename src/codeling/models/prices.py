"""What replies cost: the caller's prices first, then those of the library `genai-prices`, else 0.

The library carries its table with it and is never told to fetch a newer one. A server of one's own
is nobody's provider and costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from ..messages import Reply, Usage
from ..protocols import running

__all__ = ("Prices", "priced")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What a model costs, in US dollars for a million tokens."""

    input: float
    output: float
    cached: float | None = None
    """For input tokens read from the provider's prompt cache; None where they cost what others do."""

    def of(self, usage: Usage) -> float:
        """Give what a reply cost."""
        cached = self.input if self.cached is None else self.cached
        plain = usage.input_tokens - usage.cached_tokens
        return (plain * self.input + usage.cached_tokens * cached + usage.output_tokens * self.output) / 1e6


async def priced(
    reply: Reply, /, *, model: str, prices: Prices | None, provider: str | None, written: int = 0
) -> Reply:
    """Give the reply with its cost, unless the provider told it already.

    `provider` is an id that genai-prices knows, or the address of a server; `written` counts the
    input tokens that were written to the prompt cache, which some providers charge more for.
    """
    usage = reply.usage
    if usage.cost or not usage.total_tokens:
        return reply
    if prices is not None:
        return replace(reply, usage=replace(usage, cost=prices.of(usage)))
    if provider is None or _is_near(provider):
        return reply
    names = dict.fromkeys((model, reply.model))
    # In a thread, because the library takes a moment to load and to look up its first price.
    cost = await asyncio.to_thread(_looked_up, usage, names, provider, written)
    if not cost and _is_limited():
        _warn(model)
    return replace(reply, usage=replace(usage, cost=cost)) if cost else reply


def _is_limited() -> bool:
    """Whether the run that asks, or one above it, may spend only so much money."""
    run = running()
    spent = run.spent if run else None
    while spent and spent.limits.cost is None:
        spent = spent.parent
    return spent is not None


@cache
def _warn(model: str) -> None:
    """Say once that a limit does not hold: what has no price is never counted."""
    logger.warning(
        "no price of %r is known, so Limits(cost=…) does not hold for it: say prices=Prices(…), "
        "or pip install 'codeling[prices]'; Prices(input=0, output=0) says that it costs nothing",
        model,
    )


def _is_near(provider: str) -> bool:
    """Whether it is the address of a machine without a public name, such as this one."""
    host = (urlsplit(provider).hostname or "") if "://" in provider else "a.name"
    return "." not in host or not host.rpartition(".")[2].isalpha()


@cache
def _library() -> Any:
    try:
        return import_module("genai_prices")
    except ImportError:
        return None


def _looked_up(usage: Usage, names: Iterable[str], provider: str, written: int) -> float:
    library = _library()
    if library is None:
        return 0.0
    where = {"provider_api_url" if "://" in provider else "provider_id": provider}
    tokens = library.Usage(
        input_tokens=usage.input_tokens, output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_tokens, cache_write_tokens=written,
    )  # fmt: skip
    for name in names:
        try:
            return float(library.calc_price(tokens, name, **where).total_price)
        except (LookupError, ValueError):  # unknown, or counts that do not add up
            continue
    return 0.0
