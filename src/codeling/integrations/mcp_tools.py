"""What MCP servers offer, as tools: their own tools, and functions over their resources and prompts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from ..errors import ToolError
from ..tools import Effect, FunctionTool, Tool
from .mcp_connection import Connection, Seat
from .mcp_content import block_value, contents_value, result_value, unwrapped
from .schemas import SchemaTool

__all__ = ("MCPTool", "effect_of", "pages", "prompt_tools", "resource_tools")

_MOST_PAGES = 200
_GIVES = "Text (JSON is text too), or a picture, or a list of several parts."


class MCPTool(SchemaTool):
    """A tool of an MCP server."""

    def __init__(self, connection: Connection, listed: Any, *, name: str, effect: Effect) -> None:
        """Take a tool as the server lists it. Raises `UsageError` for a schema that no tool can have."""
        self._connection, self._own_name, self._output_schema = connection, listed.name, listed.output_schema
        annotations = listed.annotations
        title = listed.title or (annotations.title if annotations else None)
        super().__init__(
            name, listed.description or title or f"The tool {listed.name!r} of an MCP server.", listed.input_schema,
            effect=effect, output=unwrapped(listed.output_schema), gives=_GIVES,
        )  # fmt: skip

    async def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the tool on its server, from any loop."""
        arguments, seat = self.arguments_of(args, kwargs), Seat.here()
        shown = seat.show(self.name)

        async def work(client: Any) -> Any:
            return await client.call_tool(self._own_name, arguments, progress_callback=shown)

        result = await self._connection.ask(
            work, what=f"{self._own_name!r}", repeatable=self.effect in ("read", "idempotent"), seat=seat
        )
        return result_value(result, output=self._output_schema)


def effect_of(annotations: Any) -> Effect:
    """Give the effect that a server's hints speak of. They are hints: who does not trust the server says `effects=`."""
    if annotations is None:
        return "write"
    if annotations.read_only_hint:
        return "read"
    if annotations.destructive_hint:
        return "irreversible"
    return "idempotent" if annotations.idempotent_hint else "write"


async def pages(page: Callable[..., Any], field: str) -> AsyncIterator[Any]:
    """Give the items of all pages of a listing. Raises `ToolError` for one that does not end."""
    cursor, seen = None, set[str]()
    while len(seen) < _MOST_PAGES:
        found = await page(cursor=cursor)
        for item in getattr(found, field):
            yield item
        cursor = found.next_cursor
        if not cursor:
            return
        if cursor in seen:
            break
        seen.add(cursor)
    raise ToolError(f"the server's list of {field} does not end")


def resource_tools(connection: Connection, prefix: str) -> list[Tool]:
    """Give functions that list and read the server's resources."""

    async def list_resources() -> list[dict[str, Any]]:
        """List what can be read with read_resource, as dicts with uri, name, description and mime_type."""

        async def work(client: Any) -> list[dict[str, Any]]:
            plain = [_about(item, "uri") async for item in pages(client.list_resources, "resources")]
            templates = pages(client.list_resource_templates, "resource_templates")
            return plain + [_about(item, "uri_template") async for item in templates]

        return await connection.ask(work, what="the list of resources", repeatable=True)

    async def read_resource(uri: str) -> Any:
        """Read a resource: its text, its picture or its bytes; a list of them where it has several parts.

        Args:
            uri: As list_resources gives it; the {…} of a uri_template are to be filled in.
        """
        result = await connection.ask(
            lambda client: client.read_resource(uri), what=f"the resource {uri!r}", repeatable=True
        )
        values = [contents_value(contents) for contents in result.contents]
        return values[0] if len(values) == 1 else values

    return [_read(list_resources, prefix), _read(read_resource, prefix)]


def prompt_tools(connection: Connection, prefix: str) -> list[Tool]:
    """Give functions that list and fill in the server's prompts."""

    async def list_prompts() -> list[dict[str, Any]]:
        """List the prompts that get_prompt gives, as dicts with name, description and arguments."""

        async def work(client: Any) -> list[dict[str, Any]]:
            return [_about(item, "arguments") async for item in pages(client.list_prompts, "prompts")]

        return await connection.ask(work, what="the list of prompts", repeatable=True)

    async def get_prompt(name: str, arguments: dict[str, str] | None = None) -> list[dict[str, Any]]:
        """Give a prompt's messages, as dicts with role and content."""
        given = dict(arguments or {})
        result = await connection.ask(
            lambda client: client.get_prompt(name, given), what=f"the prompt {name!r}", repeatable=True
        )
        return [{"role": message.role, "content": block_value(message.content)} for message in result.messages]

    return [_read(list_prompts, prefix), _read(get_prompt, prefix)]


def _read(function: Callable[..., Any], prefix: str) -> Tool:
    return FunctionTool(function, name=f"{prefix}{function.__name__}", effect="read")


def _about(item: Any, *more: str) -> dict[str, Any]:
    given: Mapping[str, Any] = item.model_dump(mode="json", exclude_none=True)
    return {key: given[key] for key in ("name", *more, "description", "mime_type") if key in given}
