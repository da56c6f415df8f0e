"""LangChain tools: sync, async, structured, and those that give an artifact beside their text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import UsageError
from ..lookup import load
from ..tools import Effect, Tool
from .schemas import SchemaTool, identifier

__all__ = ("LangChainTool", "tool_from_langchain")


class LangChainTool(SchemaTool):
    """A LangChain tool. Its own validation and callbacks stay as they are; arguments reach it by name."""

    def __init__(self, tool: Any, *, name: str, effect: Effect) -> None:
        """Wrap a `BaseTool`. What it would give back as the text of an error is raised instead."""
        quiet = {key: False for key in ("handle_tool_error", "handle_validation_error") if getattr(tool, key) is True}
        self._inner = tool.model_copy(update=quiet) if quiet else tool
        self._has_artifact = tool.response_format == "content_and_artifact"
        super().__init__(name, tool.description or f"The tool {tool.name!r}.", _schema_of(tool), effect=effect)

    async def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Invoke the tool: on this loop if it is async, and otherwise in a thread."""
        given: Any = self.given(args, kwargs)
        if self._has_artifact:
            given = {"type": "tool_call", "id": "codeling", "name": self._inner.name, "args": given}
        if _is_async(self._inner):
            result = await self._inner.ainvoke(given)
        else:
            result = await load("codeling.sync.threads:in_thread")(self._inner.invoke, given)
        if self._has_artifact:
            result = result.content if result.artifact is None else result.artifact
        return _plain(result)


def tool_from_langchain(tool: Any, *, name: str | None = None, effect: Effect = "write") -> Tool:
    """Give a LangChain tool; of one with an artifact, programs get the artifact.

    Raises `UsageError` for what is no LangChain tool, `MissingDependency` without the library.
    """
    base = load("codeling.forms.libraries:needed")("langchain_core.tools", extra="langchain", by="Tool.from_langchain")
    if not isinstance(tool, base.BaseTool):
        raise UsageError(
            f"{type(tool).__name__!r} is no LangChain tool; put @tool of langchain_core.tools on a function"
        )
    return LangChainTool(tool, name=name or identifier(tool.name), effect=effect)


def _schema_of(tool: Any) -> Mapping[str, Any]:
    if tool.args_schema is None and type(tool).__name__ == "Tool":
        return {"type": "object", "properties": tool.args, "required": list(tool.args)}
    schema = tool.tool_call_schema
    if isinstance(schema, Mapping):
        return schema
    try:
        found: Mapping[str, Any] = schema.model_json_schema()
        return found
    except Exception:  # noqa: BLE001  # foreign code: a type without a schema; it takes what it is given
        fields = schema.model_fields
        required = [name for name, field in fields.items() if field.is_required()]
        return {"type": "object", "properties": {name: {} for name in fields}, "required": required}


def _is_async(tool: Any) -> bool:
    """Whether a tool has a way of its own to be awaited, and does not just start a thread."""
    if hasattr(tool, "coroutine"):
        return tool.coroutine is not None
    base = load("codeling.forms.libraries:needed")("langchain_core.tools", extra="langchain", by="Tool.from_langchain")
    return type(tool)._arun is not base.BaseTool._arun


def _plain(value: Any) -> Any:
    """Documents and other models as dicts, also in a list; everything else as it is."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    dump = getattr(value, "model_dump", None)
    return dump() if callable(dump) else value
