"""Takes tools out of a server's listing that are none, so that one wrong tool does not cost all the others.

The SDK refuses a listing as a whole. Here the messages pass before it reads them.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

__all__ = ("sifted",)


@asynccontextmanager
async def sifted(transport: Any, link: Any) -> AsyncIterator[Any]:
    """Give the streams of a transport; `link.refused` notes what was taken out of listings, and why."""
    async with transport as (reads, writes):
        yield _Sifted(reads, link), writes


class _Sifted:
    """A stream of messages, as the SDK reads them."""

    def __init__(self, inner: Any, link: Any) -> None:
        self._inner, self._link = inner, link

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            return self._sift(await self._inner.__anext__())
        except StopAsyncIteration:
            self._link.ended = True
            raise

    async def receive(self) -> Any:
        return self._sift(await self._inner.receive())

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> Any:
        return await self._inner.__aexit__(*error)

    def _sift(self, item: Any) -> Any:
        result = getattr(getattr(item, "message", None), "result", None)
        if isinstance(result, dict) and isinstance(result.get("tools"), list):
            result["tools"] = [tool for tool in result["tools"] if self._is_tool(tool)]
        return item

    def _is_tool(self, tool: Any) -> bool:
        types = importlib.import_module("mcp_types")
        name = tool.get("name") if isinstance(tool, dict) else None
        try:
            types.Tool.model_validate(tool)
            if (kind := tool["inputSchema"].get("type")) != "object":
                raise ValueError(f"its input schema is of type {kind!r}; it has to be an object's")
        except ValueError as error:
            self._link.refused[str(name)[:200]] = " ".join(str(error).split())[:300]
            return False
        return True
