"""Tools whose code the user trusts: it is imported and runs in this process, with all that this process may do."""

from __future__ import annotations

import copy
import hashlib
import importlib
import importlib.util
import sys
import threading
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import MissingDependency, UsageError
from ..tools import FunctionTool, Tool
from ..tools import tool as decorator
from .saving_spec import ToolSpec
from .saving_values import unpack

__all__ = ("make_object", "trusted")

_lock = threading.Lock()
_FIELDS = ("name", "description", "output_type", "effect", "needs_approval", "requirements")


def trusted(spec: ToolSpec, folder: Path) -> Tool:
    """Import a tool's code and make the tool. Raises `UsageError`, or `MissingDependency` for a library."""
    try:
        entry = getattr(_module(spec, folder), spec.entry)
        arguments = unpack(dict(spec.arguments), make_object)
        # One that its module made is copied, for several saved tools may have one source.
        made = entry(*arguments.pop("*", ()), **arguments) if isinstance(entry, type) else copy.copy(entry)
    except ImportError as error:
        wanted = " ".join(spec.requirements) or "whatever its requirements.txt names"
        raise MissingDependency(f"tool {spec.name!r} cannot be imported: {error}; pip install {wanted}") from error
    except Exception as error:  # foreign code
        raise UsageError(f"tool {spec.name!r} cannot be made: {type(error).__name__}: {error}") from error
    return _configured(made, spec)


def make_object(given: Mapping[str, Any]) -> Any:
    """Make an object of the class and the arguments that were written down; its module is imported."""
    module, _, path = str(given["class"]).partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    arguments = unpack(given["arguments"], make_object)
    return found(*arguments.pop("*", ()), **arguments)


def _module(spec: ToolSpec, folder: Path) -> types.ModuleType:
    """The tool's file as a module of its own, also where the library of its base class is not installed."""
    name = f"codeling_tool_{hashlib.sha256(spec.source.encode()).hexdigest()[:16]}"
    with _lock:
        if name in sys.modules:
            return sys.modules[name]
        module = types.ModuleType(name)
        module.__file__ = str(folder / "tool.py")
        sys.modules[name] = module
        stand_ins = {} if importlib.util.find_spec("smolagents") else {"smolagents": None, "smolagents.tools": None}
        for missing in stand_ins:
            sys.modules[missing] = stand_in = types.ModuleType(missing)
            vars(stand_in).update(Tool=Tool, tool=decorator)
        try:
            exec(compile(spec.source, module.__file__, "exec"), module.__dict__)  # noqa: S102  # the user trusts it
        except BaseException:
            del sys.modules[name]
            raise
        finally:
            for missing in stand_ins:
                sys.modules.pop(missing, None)
        return module


def _configured(made: Any, spec: ToolSpec) -> Tool:
    """The tool with all that was written down of it."""
    tool = made if isinstance(made, Tool) else _ours(made, spec)
    for name in _FIELDS:
        if getattr(tool, name) != getattr(spec, name):
            setattr(tool, name, getattr(spec, name))
    inputs = unpack(dict(spec.inputs), make_object)
    if tool.inputs != inputs:
        tool.inputs = inputs
    for cached in ("signature", "stub"):
        vars(tool).pop(cached, None)
    tool.check()
    return tool


def _ours(theirs: Any, spec: ToolSpec) -> Tool:
    """A tool of another library's class, or a plain function, as one of ours."""
    if isinstance(theirs, types.FunctionType):
        return FunctionTool(theirs, name=spec.name)
    if not callable(getattr(theirs, "forward", None)):
        raise UsageError(f"tool {spec.name!r}: {spec.entry!r} in its tool.py is no tool and no function")
    made = Tool()
    made.forward = theirs.forward
    if callable(setup := getattr(theirs, "setup", None)):
        vars(made)["setup"] = setup
    return made
