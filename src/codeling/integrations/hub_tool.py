"""A tool whose code is not trusted: it runs behind the wall, in sessions of its own, and is called like any tool.

Covered: what the wall of its executor covers, which by default is every file, secret and process of this machine,
and the network. Not covered: what it answers, which is as good as whoever wrote it.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Coroutine
from functools import cached_property
from typing import Any

from ..errors import ToolError
from ..lookup import load
from ..messages import ToolCall
from ..protocols import Executor, Session, SessionSpec
from ..tools import Tool
from .saving_spec import ToolSpec, no_objects
from .saving_values import unpack

__all__ = ("CalledAnywhere", "HubTool")

_MOST_IDLE = 4
_SHIM = """
import sys as _sys, types as _types
def _gone(name):
    raise AttributeError(name)
class _Absent:
    def __init__(self, name):
        self._name = name
    def __call__(self, *args, **kwargs):
        raise RuntimeError(f"{self._name} is not there behind the wall")
def _stand_in(*names):
    for name in names:
        _sys.modules[name] = module = _types.ModuleType(name)
        module.Tool, module.tool, module.__path__ = _Tool, _decorator, []
        module.__getattr__ = lambda name: _Absent(name) if name[:2] != "__" else _gone(name)
class _Tool:
    def __init__(self, *args, **kwargs):
        pass
    def setup(self):
        pass
    def __call__(self, *args, **kwargs):
        if not self.__dict__.get("_is_set_up"):
            self.setup()
            self.__dict__["_is_set_up"] = True
        return self.forward(*args, **kwargs)
def _decorator(function=None, /, **options):
    return function if callable(function) else _decorator
try:
    import codeling as _codeling
    _codeling.Tool
except (ImportError, AttributeError):
    _stand_in("codeling", "codeling.tools")
_stand_in("smolagents", "smolagents.tools")
_module = _types.ModuleType("tool")
_sys.modules["tool"] = _module
exec(compile(_source, "tool.py", "exec"), _module.__dict__)
_entry = getattr(_module, _name_of_entry)
_star = _arguments.pop("*", [])
_tool = _entry(*_star, **_arguments) if isinstance(_entry, type) else _entry
"""
_CALL = """
_answer = _tool(*_args, **_kwargs)
if hasattr(_answer, "__await__"):
    _answer = await _answer
final_answer(_answer)
"""


class CalledAnywhere(Tool):
    """A tool whose `forward` is async, and that is called from plain code like any other."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make the call and wait for its value."""
        made: Coroutine[Any, Any, Any] = self.forward(*args, **kwargs)
        return load("codeling.sync.doors:wait")(made)

    async def run(self, bound: inspect.BoundArguments) -> Any:
        """Make the call on this loop."""
        return await self.forward(*bound.args, **bound.kwargs)


class HubTool(CalledAnywhere):
    """A tool from elsewhere. A session that is idle is used again, with what `setup` prepared in it."""

    def __init__(self, spec: ToolSpec, executor: Executor, *, networked: bool = False) -> None:
        """Make it of what is written down; its code is not run before the first call.

        With `networked` it counts as one that may change the world, whatever it says of itself. Raises
        `UsageError` where a model could not call it.
        """
        self.spec, self._executor = spec, executor
        self.name, self.description = spec.name, spec.description
        self.inputs, self.output_type = unpack(dict(spec.inputs), no_objects), spec.output_type
        self.requirements, self.needs_approval = spec.requirements, spec.needs_approval
        self.effect = "write" if networked and spec.effect in ("read", "idempotent") else spec.effect
        if spec.compensates:
            warnings.warn(f"calls of {spec.name!r} cannot be undone behind the wall", stacklevel=4)
        self._idle: list[Session] = []
        self.check()

    @cached_property
    def signature(self) -> inspect.Signature:
        """What the tool takes, as it is written down."""
        return self.spec.signature()

    async def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Make the call in a session. Raises `ToolError` with the last line of what the tool raised."""
        session = self._idle.pop() if self._idle else await self._open()
        try:
            await session.assign({"_args": list(args), "_kwargs": kwargs})
            outcome = await session.run(_CALL, step=1, on_call=_no_calls, on_output=_quiet)
        except BaseException:
            session.close()
            raise
        if outcome.lost or len(self._idle) >= _MOST_IDLE:
            session.close()
        else:
            self._idle.append(session)
        if not outcome.final:
            raise ToolError(self._told(outcome.error or "it gave nothing"))
        return outcome.answer

    def close(self) -> None:
        """End the sessions that wait for the next call."""
        while self._idle:
            self._idle.pop().close()

    async def _open(self) -> Session:
        session = await self._executor.open(SessionSpec())
        arguments = unpack(dict(self.spec.arguments), no_objects)
        given = {"_source": self.spec.source, "_name_of_entry": self.spec.entry, "_arguments": arguments}
        try:
            await session.assign(given)
            outcome = await session.run(_SHIM, step=0, on_call=_no_calls, on_output=_quiet)
        except BaseException:
            session.close()
            raise
        if outcome.error:
            session.close()
            raise ToolError(f"the tool {self.name!r} could not be prepared: {self._told(outcome.error)}")
        return session

    def _told(self, error: str) -> str:
        """The last line of an error, with what to do where something is not installed or may not be reached."""
        last = error.strip().splitlines()[-1]
        if error.startswith("TimeoutError: the program was interrupted"):
            return error.splitlines()[0].replace("the program", f"the tool {self.name!r}").partition(";")[0]
        if last.startswith(("ModuleNotFoundError", "ImportError")):
            wanted = " ".join(self.requirements)
            return f"{last} (" + (
                f"it needs: pip install {wanted})"
                if wanted
                else "it does not say what it needs; see its requirements.txt)"
            )
        if "Network is unreachable" in last or "Name or service not known" in last or "name resolution" in last:
            return f"{last} (it runs without network; allow it with network=…)"
        return last


async def _no_calls(call: ToolCall, /) -> Any:
    raise ToolError(f"a tool of the Hub calls no tools, so not {call.name!r}")


def _quiet(text: str, /) -> None:
    """What the tool prints is nobody's concern."""
