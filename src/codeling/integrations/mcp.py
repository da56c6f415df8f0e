"""Tools of MCP servers, on the official SDK: stdio, streamable HTTP and SSE, every version of the protocol.

A server runs with your rights and says of itself what it likes. Name only servers that you trust; what
comes from them is bounded and checked, and their tools pass the broker like any other.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from ..errors import AgentError, EndsRun, ToolError, UsageError
from ..policy import Decision
from ..protocols import Approver, Model
from ..tools import Effect, Tool
from .mcp_connection import Connection, Seat, background, blocking
from .mcp_requests import Answers
from .mcp_servers import needed, servers_from
from .mcp_tools import MCPTool, effect_of, pages, prompt_tools, resource_tools
from .schemas import identifier

__all__ = ("MCPClient", "tool_from_mcp")

logger = logging.getLogger(__name__)


class MCPClient:
    """The tools of one or several MCP servers: give it to an agent as `tools=`, or iterate over it.

    It connects when its tools are first wanted. Use it `with` or `async with`, or call `disconnect()`; what
    is left open is closed when Python ends. It may be used from any thread and any event loop.
    """

    def __init__(
        self, servers: Any, *, prefix: bool | str = False, resources: bool = False, prompts: bool = False,
        effects: Mapping[str, Effect] | None = None, sampling: Decision = "ask", approver: Approver | None = None,
        model: Model | str | None = None, auth: Any = None, roots: Sequence[str | os.PathLike[str]] = (),
        connect_timeout: float = 60.0, timeout: float = 120.0, mode: str = "auto",
        structured_output: bool | None = None,
    ) -> None:  # fmt: skip
        """Take servers as commands, URLs, dicts of either (`{"url": …, "transport": …}`), the SDK's
        `StdioServerParameters`, a `{"mcpServers": …}` configuration, or a list of these.

        Args:
            servers: As said above.
            prefix: A text before the name of every tool; True for the name of its server, with a number where
                several have one name.
            resources: Whether to add functions that list and read the servers' resources.
            prompts: Likewise for their prompts.
            effects: What tools do to the world, by name, where a server's own hints are not to be believed.
            sampling: Whether a server may have a model write for it: "ask" asks the approver each time.
            approver: Answers a server's questions for a person; by default that of the run.
            model: Writes for a server that asks; by default that of the run.
            auth: For servers with a URL: a token, which is sent as a bearer's, or what `httpx2` takes as `auth`,
                such as the SDK's `OAuthClientProvider`. A dict of a server may have its own `"auth"`.
            roots: Folders that servers of the handshake versions are told of when they ask which are open.
            connect_timeout: Seconds that a server may take to start and greet.
            timeout: Seconds that one request may take; a person's time is not counted.
            mode: "auto", "legacy" for the handshake versions, or a version of the protocol.
            structured_output: Taken for the sake of other frameworks: structured output is always used.

        """
        self._prefix, self._resources, self._prompts = prefix, resources, prompts
        self._effects = dict(effects or {})
        self._answers = Answers(sampling=sampling, approver=approver, model=model)
        self._mode = mode
        self._roots = [Path(folder).absolute() for folder in roots]
        self._connections = [
            Connection(server=server, options=self._options, connect_timeout=connect_timeout, timeout=timeout)
            for server in servers_from(servers, auth=auth)
        ]
        self._listed: dict[Connection, _Listing] = {}
        self._labels: dict[Connection, str] = {}
        self.refused: dict[str, str] = {}
        """Tools that servers list and that no tool can be made of, with the reason."""

    def get_tools(self) -> list[Tool]:
        """Give the tools as the servers list them now; a listing is kept for as long as its server says.

        Raises `EndsRun` for a server that cannot be had, `UsageError` for two tools of one name.
        """
        return blocking(self._all())

    async def aget_tools(self) -> list[Tool]:
        """Do what `get_tools` does, from async code."""
        import asyncio

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._all(), background()))

    @property
    def tools(self) -> list[Tool]:
        """The tools, as `get_tools` gives them."""
        return self.get_tools()

    def connect(self) -> None:
        """Connect now."""
        self.get_tools()

    def disconnect(self) -> None:
        """End all connections and the servers that were started."""
        for connection in self._connections:
            connection.close()

    def __iter__(self) -> Iterator[Tool]:
        return iter(self.get_tools())

    def __len__(self) -> int:
        return len(self.get_tools())

    def __getitem__(self, key: int | str) -> Tool:
        """Give a tool by its place or name. Raises `UsageError` where there is none of that name."""
        tools = self.get_tools()
        if isinstance(key, int):
            return tools[key]
        for tool in tools:
            if key in (tool.name, getattr(tool, "_own_name", None)):
                return tool
        if key in self.refused:
            raise UsageError(f"the tool {key!r} cannot be used: {self.refused[key]}")
        raise UsageError(f"no server has a tool {key!r}; there are {', '.join(tool.name for tool in tools) or 'none'}")

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(self, *error: object) -> None:
        self.disconnect()

    async def __aenter__(self) -> Self:
        await self.aget_tools()
        return self

    async def __aexit__(self, *error: object) -> None:
        import asyncio

        await asyncio.to_thread(self.disconnect)

    def _options(self, connection: Connection) -> dict[str, Any]:
        types = needed("mcp_types")

        async def note(message: Any) -> None:
            if isinstance(message, types.ToolListChangedNotification):
                self._listed.pop(connection, None)

        async def tell(context: Any) -> Any:
            return types.ListRootsResult(
                roots=[types.Root(uri=folder.as_uri(), name=folder.name) for folder in self._roots]
            )

        package = needed("codeling")
        return {
            "mode": self._mode, "message_handler": note, **self._answers.options(connection),
            **({"list_roots_callback": tell} if self._roots else {}),
            "client_info": types.Implementation(name="codeling", version=package.__version__),
        }  # fmt: skip

    async def _all(self) -> list[Tool]:
        tools: dict[str, Tool] = {}
        homes: dict[str, str] = {}
        for connection in self._connections:
            label = connection.server.label
            try:
                listing = await self._listing(connection)
            except ToolError as error:
                raise EndsRun(str(error)) from None
            for tool in listing.tools:
                if tool.name in tools:
                    raise UsageError(
                        f"the MCP servers {homes[tool.name]!r} and {label!r} both have a tool {tool.name!r}; "
                        "MCPClient(…, prefix=True) puts the server's name before each"
                    )
                tools[tool.name], homes[tool.name] = tool, label
        return list(tools.values())

    async def _listing(self, connection: Connection) -> _Listing:
        listing = self._listed.get(connection)
        if listing is None or time.monotonic() >= listing.until:
            self._listed.pop(connection, None)

            async def work(client: Any) -> _Listing:
                return await self._list(client, connection)

            listing = await connection.ask(work, what="the list of tools", repeatable=True, seat=Seat())
            self._listed[connection] = listing
        return listing

    async def _list(self, client: Any, connection: Connection) -> _Listing:
        """List a server's tools. One that cannot be used is left out, and why is said."""
        prefix = self._prefix_of(client, connection)
        found: dict[str, Tool] = {}
        first: list[Any] = []

        async def page(cursor: str | None) -> Any:
            first.append(await client.list_tools(cursor=cursor, cache_mode="refresh"))
            return first[-1]

        capabilities = client.server_capabilities
        if capabilities.tools is not None or not (capabilities.resources or capabilities.prompts):
            async for listed in pages(page, "tools"):
                try:
                    name = identifier(f"{prefix}{listed.name}", found)
                    effect = self._effects.get(name) or self._effects.get(listed.name) or effect_of(listed.annotations)
                    found[name] = MCPTool(connection, listed, name=name, effect=effect)
                except (AgentError, TypeError, ValueError, RecursionError) as error:
                    self.refused[listed.name] = str(error)
                    logger.warning("a tool of the MCP server %r is left out: %s", connection.server.label, error)
        self.refused.update(connection.refused)
        extra = [*(resource_tools(connection, prefix) if self._resources and capabilities.resources else ()),
                 *(prompt_tools(connection, prefix) if self._prompts and capabilities.prompts else ())]  # fmt: skip
        modern = bool(first) and client.protocol_version >= "2026"
        until = time.monotonic() + first[0].ttl_ms / 1000 if modern else float("inf")
        return _Listing([*found.values(), *extra], until)

    def _prefix_of(self, client: Any, connection: Connection) -> str:
        if isinstance(self._prefix, str):
            return f"{identifier(self._prefix)}_" if self._prefix else ""
        if not self._prefix:
            return ""
        if (
            connection not in self._labels
        ):  # two servers of one name are numbered, in the order in which they were given
            info, server = client.server_info, connection.server
            name = server.label if server.given or info is None else info.name
            self._labels[connection] = identifier(name, self._labels.values())
        return f"{self._labels[connection]}_"


class _Listing:
    """Tools of one server, and until when they may be taken as they are."""

    def __init__(self, tools: Sequence[Tool], until: float) -> None:
        self.tools, self.until = tools, until


def tool_from_mcp(server: Any, name: str, **options: Any) -> Tool:
    """Give one tool of an MCP server, by its name there. Takes what `MCPClient` takes.

    The connection is closed when Python ends. Raises `UsageError` where the server has no such tool.
    """
    return MCPClient(server, **options)[name]
