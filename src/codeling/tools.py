"""Tools: functions on the host that a program or a model calls by name.

A tool keeps its secrets, connections and source here; what the other side gets is its name and
its stub. This file knows nothing of who calls: the broker does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar, Literal, TypeAlias, cast, overload

from .lookup import Recorded, deferred, load

__all__ = ("Effect", "FunctionTool", "Tool", "tool")

Effect: TypeAlias = Literal["read", "idempotent", "write", "irreversible"]


class Tool(Recorded):
    """What a program may call. Subclass it with these names, or put `@tool` on a function.

    `forward` does the work and may be `async def`; `setup` runs once, before the first call.
    """

    name: str = ""
    """A Python identifier: what programs call."""
    description: str = ""
    """What it does, what it gives and what it may raise, for the model to read."""
    inputs: Mapping[str, Mapping[str, Any]] = {}
    """For each argument its `type` and `description`; not needed where `forward` has type hints."""
    output_type: str = "any"
    effect: Effect = "write"
    """What a call does to the world: it decides about retry, replay and asking."""
    needs_approval: bool = False
    """Whether a person is asked before each call, unless the policy says otherwise."""
    requirements: Sequence[str] = ()
    """What its code needs installed, as pip writes it; saved with the tool, never guessed or installed here."""
    forward: Callable[..., Any]
    compensate: Callable[..., Any] | None = None
    """Undoes a call that returned, for `rollback`: takes the call's arguments by name, and `result` if it wants it."""
    resumes: ClassVar[bool] = False
    """Whether a call that was cut off goes on where it was, as an agent does."""

    _ready: bool = False

    def setup(self) -> None:
        """Prepare what the first call needs."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it as a plain function, past every check. For an async tool this gives its coroutine."""
        if not self._ready:
            load("codeling.forms.binding:set_up")(self)
        return self.forward(*args, **kwargs)

    @cached_property
    def signature(self) -> inspect.Signature:
        """What `forward` takes, with each parameter's resolved type."""
        return cast("inspect.Signature", load("codeling.forms.signatures:signature_of")(self))

    def check(self) -> None:
        """Raise `UsageError` where a model could not know how to call this."""
        load("codeling.forms.signatures:check")(self)

    @cached_property
    def stub(self) -> str:
        """The tool as a model sees it: a Python signature and a docstring."""
        return cast("str", load("codeling.forms.stubs:stub_of")(self))

    @cached_property
    def is_async(self) -> bool:
        """Whether `forward` is `async def`."""
        return inspect.iscoroutinefunction(self.forward)

    bind = deferred("codeling.forms.binding:bind")
    """Fit arguments, given as a sequence and a mapping, to the signature. Raises `BadArguments` with what would fit."""

    async def run(self, bound: inspect.BoundArguments) -> Any:
        """Make the call: an async tool on this loop, any other in a thread."""
        if self.is_async:
            return await load("codeling.sync.threads:awaited")(self, *bound.args, **bound.kwargs)
        return await load("codeling.sync.threads:called")(self, *bound.args, **bound.kwargs)

    from_hub = staticmethod(deferred("codeling.integrations.hub:tool_from_hub"))
    """Give the tool of a Hugging Face repository; it runs behind the wall."""
    from_folder = staticmethod(deferred("codeling.integrations.hub:tool_from_folder"))
    """Give the tool that a folder holds; it runs behind the wall."""
    from_space = staticmethod(deferred("codeling.integrations.spaces:tool_from_space"))
    """Give a Gradio Space, or any running Gradio app, as a tool."""
    from_gradio = staticmethod(deferred("codeling.integrations.spaces:tool_from_gradio"))
    """Give a tool of the `gradio_tools` style."""
    from_langchain = staticmethod(deferred("codeling.integrations.langchain:tool_from_langchain"))
    """Give a LangChain tool."""
    from_mcp = staticmethod(deferred("codeling.integrations.mcp:tool_from_mcp"))
    """Give one tool of an MCP server."""
    save = deferred("codeling.integrations.saving:save_tool")
    """Write the tool into a folder that `from_hub` and `ToolCollection` read."""
    push_to_hub = deferred("codeling.integrations.saving:push_tool")
    """Save the tool and publish it as a Space on the Hub."""


class FunctionTool(Tool):
    """A tool made of a function."""

    def __init__(
        self, function: Callable[..., Any], /, *, name: str | None = None, description: str | None = None,
        effect: Effect = "write", needs_approval: bool = False, compensate: Callable[..., Any] | None = None,
    ) -> None:  # fmt: skip
        inner = function.func if isinstance(function, partial) else function
        self.forward = function
        self.name = str(name or getattr(function, "__name__", None) or getattr(inner, "__name__", ""))
        self.description = description or inspect.getdoc(inner) or ""
        self.effect, self.needs_approval, self.compensate = effect, needs_approval, compensate
        self.check()


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...
@overload
def tool(
    *, name: str | None = None, description: str | None = None, effect: Effect = "write", needs_approval: bool = False,
    compensate: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., Any]], FunctionTool]: ...  # fmt: skip


def tool(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a tool of a typed function, sync or async; its docstring is what the model reads.

    Raises `UsageError` for an argument without a type.
    """
    return partial(FunctionTool, **options) if function is None else FunctionTool(function, **options)
