"""What MCP servers give, as values: text, pictures, sound, resources, structured content.

Everything here comes from a server and is not trusted: sizes are bounded before anything is opened.
"""

from __future__ import annotations

import base64
import binascii
import importlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ToolError
from ..messages import Audio, Image

__all__ = ("block_value", "contents_value", "result_value", "unwrapped")

_MOST_PIXELS = 2_500_000
"""Larger pictures cross as the files that they are."""


def result_value(result: Any, *, output: Any) -> Any:
    """Give the value of a `CallToolResult`; `output` is the tool's output schema. Raises `ToolError`."""
    blocks = [block_value(block) for block in result.content]
    if result.is_error:
        raise ToolError("; ".join(str(block) for block in blocks) or "the server says no more than that it failed")
    structured = result.structured_content
    if structured is None:
        return blocks[0] if len(blocks) == 1 else blocks or None
    if unwrapped(output) is not output and isinstance(structured, Mapping):
        structured = structured.get("result")
    others = [block for block in blocks if not isinstance(block, str)]
    return [structured, *others] if others else structured


def unwrapped(output: Any) -> Any:
    """Give the schema inside one that only wraps a value as `{"result": …}`, as SDKs do for what is no object."""
    properties = output.get("properties") if isinstance(output, Mapping) else None
    if isinstance(properties, Mapping) and list(properties) == ["result"] and output.get("required") == ["result"]:
        inner = properties["result"]
        return {**inner, "$defs": output.get("$defs", {})} if isinstance(inner, Mapping) else {}
    return output


def block_value(block: Any) -> Any:
    """Give one content block as a value."""
    match block.type:
        case "text":
            return block.text
        case "image":
            return _picture(_bytes(block.data), block.mime_type)
        case "audio":
            return Audio(_bytes(block.data), block.mime_type)
        case "resource_link":
            given = {
                "uri": block.uri,
                "name": block.name,
                "mime_type": block.mime_type,
                "description": block.description,
            }
            return {key: value for key, value in given.items() if value is not None}
        case "resource":
            held = contents_value(block.resource)
            return {"uri": block.resource.uri, "mime_type": block.resource.mime_type, "content": held}
    return block.model_dump(mode="json", exclude_none=True)


def contents_value(contents: Any) -> Any:
    """Give what a resource holds: text, a picture, or bytes."""
    if (text := getattr(contents, "text", None)) is not None:
        return text
    data = _bytes(contents.blob)
    return _picture(data, contents.mime_type) if str(contents.mime_type).startswith("image/") else data


def sampling_parts(content: Any) -> tuple[str, tuple[Image, ...], tuple[Audio, ...]]:
    """Give the text, pictures and sound of a message that a server wants a model to read."""
    blocks: Sequence[Any] = content if isinstance(content, list) else [content]
    text = "\n".join(block.text for block in blocks if block.type == "text")
    images = tuple(Image(_bytes(block.data), block.mime_type) for block in blocks if block.type == "image")
    sounds = tuple(Audio(_bytes(block.data), block.mime_type) for block in blocks if block.type == "audio")
    return text, images, sounds


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ToolError(f"the server gave data that is not base64: {error}") from None


def _picture(data: bytes, media_type: str) -> Any:
    """A Pillow image where Pillow is there and reads it; the file otherwise."""
    try:
        pillow = importlib.import_module("PIL.Image")
        picture = pillow.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP", "BMP"))
        if picture.width * picture.height > _MOST_PIXELS:
            return Image(data, media_type)
        picture.load()
    except (ImportError, OSError, ValueError, SyntaxError):  # Pillow raises these for broken files
        return Image(data, media_type)
    return picture
