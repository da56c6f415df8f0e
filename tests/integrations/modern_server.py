"""An MCP server on the SDK that speaks 2026-07-28: python modern_server.py stdio | http PORT | sse PORT."""

from __future__ import annotations

import base64
import io
import os
import sys
from typing import Annotated, Any, Literal

import mcp_types as types
import PIL.Image
from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel, Field

server = MCPServer("modern")
called = {"list": 0}


class Point(BaseModel):
    """A place."""

    x: float
    y: float = 0.0
    label: str | None = None


@server.tool()
def move(
    start: Point, by: Annotated[list[float], Field(description="how far, in x and y")], unit: Literal["m", "km"] = "m"
) -> Point:
    """Move a point."""
    return Point(x=start.x + by[0], y=start.y + by[1], label=unit)


@server.tool()
def total(numbers: list[int]) -> int:
    """Add numbers up."""
    return sum(numbers)


@server.tool()
def process_id() -> int:
    """Give the number of the server's process."""
    return os.getpid()


@server.tool()
async def ask(context: Context[Any]) -> str | types.InputRequiredResult:
    """Ask the user's name and the model for a joke, in one round."""
    given = context.input_responses
    if not given:
        schema = types.ElicitRequestFormParams.model_validate({
            "message": "your name?", "requestedSchema": {
                "type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
        })  # fmt: skip
        joke = types.CreateMessageRequestParams(
            messages=[types.SamplingMessage(role="user", content=types.TextContent(type="text", text="a joke"))],
            max_tokens=9,
        )
        return types.InputRequiredResult(
            input_requests={
                "name": types.ElicitRequest(params=schema),
                "joke": types.CreateMessageRequest(params=joke),
            },
            request_state="s1",
        )
    name, joke_given = given["name"], given["joke"]
    assert isinstance(name, types.ElicitResult)
    assert isinstance(joke_given, types.CreateMessageResult)
    return f"{context.request_state} {name.action} {name.content} {getattr(joke_given.content, 'text', '')}"


@server.tool()
def media() -> list[types.ImageContent | types.AudioContent]:
    """Give a picture and a sound."""
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (3, 2), "red").save(buffer, "PNG")
    picture = base64.b64encode(buffer.getvalue()).decode()
    return [
        types.ImageContent(data=picture, mime_type="image/png"),
        types.AudioContent(data=base64.b64encode(b"RIFF").decode(), mime_type="audio/wav"),
    ]


@server.tool()
async def steps(context: Context[Any], count: int) -> str:
    """Report progress."""
    for number in range(count):
        await context.report_progress(number + 1, count, f"part {number + 1}")
    return "done"


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run("stdio")
    else:
        transport: Any = "streamable-http" if sys.argv[1] == "http" else "sse"
        server.run(transport, host="127.0.0.1", port=int(sys.argv[2]))
