"""Tools of the Hugging Face Hub: the `tool.py` of a Space.

Its code is not trusted. It is read here without being run, and runs behind the wall, in sessions of
its own without network; with `trust_remote_code=True` it runs in this process instead.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import EndsRun, MissingDependency, ToolError, UsageError
from ..lookup import load
from ..protocols import Executor, Session, SessionSpec
from ..tools import Tool

__all__ = ("HubTool", "tool_from_hub")

_FILE = "tool.py"
_SHIM = """
import sys, types
class Tool:
    def __init__(self, *args, **kwargs):
        pass
    def setup(self):
        pass
    def __call__(self, *args, **kwargs):
        if not getattr(self, "is_initialized", False):
            self.setup()
            self.is_initialized = True
        return self.forward(*args, **kwargs)
for _name in ("smolagents", "smolagents.tools"):
    sys.modules[_name] = types.ModuleType(_name)
    sys.modules[_name].Tool = Tool
"""


def tool_from_hub(
    repo_id: str,
    *,
    token: str | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    executor: Executor | None = None,
) -> Tool:
    """Give the tool of the Space `repo_id`, such as `"someone/some-tool"`.

    Without trust its programs run in `executor`, by default the sandbox of this machine. Raises
    `UsageError` where there is no such Space or no tool in it, `EndsRun` where the Hub cannot be
    reached or refuses, with the Hub's own words.
    """
    source = _download(repo_id, token, revision)
    if trust_remote_code:
        return _trusted(repo_id, source)
    sandbox = executor or load("codeling.executors.registry:executor_from")("sandbox")
    return HubTool(repo_id, source.read_text(encoding="utf-8"), sandbox)


class HubTool(Tool):
    """A tool whose code runs behind the wall."""

    def __init__(self, origin: str, source: str, executor: Executor) -> None:
        """Read the tool's class from its source. Raises `UsageError` where there is none."""
        self._class, given = _described(origin, source)
        self.name, self.description = str(given["name"]), str(given["description"])
        self.inputs, self.output_type = given.get("inputs", {}), str(given.get("output_type", "any"))
        self._source, self._executor = source, executor
        self._idle: list[Session] = []
        self.check()

    @cached_property
    def signature(self) -> inspect.Signature:
        """What the tool takes, by its own `inputs`."""
        hints = load("codeling.forms.inputs:hints_of")(self)
        returns = hints.pop("return")
        keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
        named = sorted(hints, key=lambda name: bool(self.inputs[name].get("nullable")))
        parameters = [
            inspect.Parameter(
                name, keyword, annotation=hints[name],
                default=None if self.inputs[name].get("nullable") else inspect.Parameter.empty,
            )
            for name in named
        ]  # fmt: skip
        return inspect.Signature(parameters, return_annotation=returns)

    async def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Make the call in a session; one that is idle is used again, with what `setup` prepared."""
        session = self._idle.pop() if self._idle else await self._open()
        bound = self.signature.bind(*args, **kwargs)
        await session.assign({"_given": dict(bound.arguments)})
        outcome = await session.run("final_answer(_tool(**_given))", step=1, on_call=_no_calls, on_output=_quiet)
        if outcome.lost:
            session.close()
        else:
            self._idle.append(session)
        if not outcome.final:
            raise ToolError((outcome.error or f"{self.name} gave nothing").strip().splitlines()[-1])
        return outcome.answer

    async def _open(self) -> Session:
        session = await self._executor.open(SessionSpec())
        start = f"{_SHIM}\nexec(compile({self._source!r}, 'tool.py', 'exec'), globals())\n_tool = {self._class}()"
        outcome = await session.run(start, step=0, on_call=_no_calls, on_output=_quiet)
        if outcome.error:
            session.close()
            raise ToolError(f"the tool {self.name!r} could not be prepared: {outcome.error.strip().splitlines()[-1]}")
        return session


def _described(origin: str, source: str) -> tuple[str, Mapping[str, Any]]:
    """Find the tool's class and what it says of itself, without running anything."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise UsageError(f"{_FILE} of {origin!r} is not Python: {error}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            given: dict[str, Any] = {}
            for item in node.body:
                target = item.targets[0] if isinstance(item, ast.Assign) else getattr(item, "target", None)
                value = getattr(item, "value", None)
                if isinstance(target, ast.Name) and isinstance(value, ast.expr):
                    try:
                        given[target.id] = ast.literal_eval(value)
                    except ValueError:
                        continue
            if {"name", "description"} <= set(given):
                return node.name, given
    raise UsageError(f"{_FILE} of {origin!r} holds no tool: no class with a `name` and a `description` of plain text")


def _download(repo_id: str, token: str | None, revision: str | None) -> Path:
    try:
        hub = importlib.import_module("huggingface_hub")
        errors = importlib.import_module("huggingface_hub.errors")
    except ImportError as error:
        raise MissingDependency("Tool.from_hub needs 'huggingface_hub': pip install 'codeling[hub]'") from error
    try:
        return Path(hub.hf_hub_download(repo_id, _FILE, repo_type="space", token=token, revision=revision))
    except errors.RepositoryNotFoundError as error:
        raise UsageError(f"the Hub has no Space {repo_id!r}, or not for this token: {error}") from None
    except errors.EntryNotFoundError as error:
        raise UsageError(f"the Space {repo_id!r} has no {_FILE}, or the Hub cannot be reached: {error}") from None
    except Exception as error:  # noqa: BLE001  # foreign code: the client's errors of the net have no common base
        raise EndsRun(f"the Hub did not give {repo_id!r}: {type(error).__name__}: {error}") from None


def _trusted(origin: str, path: Path) -> Tool:
    """Import the tool here. It needs whatever it imports, the library of its base class included."""
    cls, _ = _described(origin, path.read_text(encoding="utf-8"))
    name = f"codeling_hub_{origin.replace('/', '_').replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} cannot be imported")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    theirs = getattr(module, cls)()
    made = Tool()
    made.name, made.description = theirs.name, theirs.description
    made.inputs, made.output_type, made.forward = theirs.inputs, theirs.output_type, theirs.forward
    made.check()
    return made


async def _no_calls(call: Any) -> Any:
    raise ToolError(f"a tool of the Hub calls no tools, so not {call.name!r}")


def _quiet(text: str) -> None:
    """What the tool prints is nobody's concern."""
