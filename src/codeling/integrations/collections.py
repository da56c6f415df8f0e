"""Tools that belong together, from one place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

from ..lookup import deferred, load
from ..tools import Tool

__all__ = ("ToolCollection",)


class ToolCollection:
    """Tools from one place: give it to an agent as `tools=`.

    As a context manager, by `with` or `async with`, it closes what it opened.
    """

    def __init__(self, tools: Iterable[Tool], *, source: Any = None) -> None:
        """Hold these tools; `source` has the connections that are closed with it."""
        self.tools = list(tools)
        self._source = source

    @classmethod
    def from_mcp(cls, servers: Any, *, trust_remote_code: bool = True, **options: Any) -> Self:
        """Give all tools of one or several MCP servers, connected; takes what `MCPClient` takes.

        `trust_remote_code` is taken for the sake of other frameworks: naming a server is trusting it.
        """
        client = load("codeling.integrations.mcp:MCPClient")(servers, **options)
        return cls(client.get_tools(), source=client)

    from_hub = deferred("codeling.integrations.hub:collection_from_hub")
    """Give the tools of a collection on the Hub."""

    def close(self) -> None:
        """End the connections that these tools need."""
        if self._source is not None:
            self._source.disconnect()

    def __iter__(self) -> Iterator[Tool]:
        return iter(self.tools)

    def __len__(self) -> int:
        return len(self.tools)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        import asyncio

        await asyncio.to_thread(self.close)
