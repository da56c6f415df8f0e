"""Tools and models as they are named on the command line. Runs the user's own files, in this process and on purpose."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import UnknownName, UsageError
from ..lookup import load
from ..protocols import Model
from ..tools import FunctionTool, Tool

__all__ = ("agent_in", "model_named", "tools_named")


def tools_named(names: Iterable[str]) -> list[Tool]:
    """Give the tools that names, files and `module:name`s stand for. Raises `UsageError`, `UnknownName`."""
    return [tool for name in names for tool in _tools(name)]


def _tools(name: str) -> Iterator[Tool]:
    if name.endswith(".py"):
        yield from _of_file(Path(name))
    elif ":" in name:
        yield from _of_module(name)
    else:
        yield _of_codeling(name)


def _of_file(path: Path) -> Iterator[Tool]:
    if not path.is_file():
        raise UsageError(f"there is no file {str(path)!r} to take tools from")
    tools = list(_defined(_imported(str(path), lambda: _executed(path))))
    if not tools:
        raise UsageError(f"{str(path)!r} defines no tool; put @tool (from codeling import tool) on a typed function")
    yield from tools


def _executed(path: Path) -> ModuleType:
    name = f"codeling_tools_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    sys.path.append(str(path.parent.resolve()))  # its neighbours can be imported, but hide nothing
    spec.loader.exec_module(module)
    return module


def _defined(module: ModuleType) -> Iterator[Tool]:
    """Give the tools of a file: not what it imports from elsewhere to build on."""
    values = [value for name, value in vars(module).items() if not name.startswith("_")]
    tools = [value for value in values if isinstance(value, Tool)]
    for tool in dict.fromkeys(tools):
        home = getattr(tool.forward, "__module__", module.__name__) if isinstance(tool, FunctionTool) else None
        if home in (None, module.__name__):
            yield tool
    for value in values:
        own = isinstance(value, type) and issubclass(value, Tool) and value.__module__ == module.__name__
        if own and not any(type(tool) is value for tool in tools):
            yield _made(value)


def _of_module(path: str) -> Iterator[Tool]:
    module, _, name = path.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    found = _imported(path, lambda: importlib.import_module(module))
    if not hasattr(found, name):
        raise UnknownName(f"module {module!r} has no {name!r}{_near(name, vars(found))}")
    value = getattr(found, name)
    for item in value if isinstance(value, list | tuple) else [value]:
        yield _tool_from(item, path)


def _tool_from(item: Any, path: str) -> Tool:
    if isinstance(item, type) and issubclass(item, Tool):
        return _made(item)
    if isinstance(item, Tool):
        return item
    if not callable(item):
        raise UsageError(
            f"{path!r} is {type(item).__name__}, not a tool; name a tool, a typed function or a list of them"
        )
    return FunctionTool(item)


def _of_codeling(name: str) -> Tool:
    package = importlib.import_module("codeling")
    try:
        value = getattr(package, name)
    except (AttributeError, ModuleNotFoundError):
        value = None
    if value is Tool or not isinstance(value, type) or not issubclass(value, Tool):
        raise UnknownName(f"no tool is called {name!r}; name a file such as tools.py, or one as module:name")
    return _made(value)


def _made(kind: type[Tool]) -> Tool:
    made: Tool = _imported(kind.__name__, kind)
    return made


def _imported(what: str, action: Callable[[], Any]) -> Any:
    """Run the user's code; say where it failed, without our own part of the traceback."""
    try:
        return action()
    except UsageError:
        raise
    except (Exception, SystemExit) as error:  # foreign code: a module or constructor may raise anything
        text = "".join(traceback.format_exception_only(error)).strip()
        frame = next(
            (f for f in reversed(traceback.extract_tb(error.__traceback__)) if "importlib" not in f.filename), None
        )
        where = f" at line {frame.lineno} of {frame.filename!r}" if frame and frame.filename != __file__ else ""
        raise UsageError(f"no tool can be had from {what!r}{where}: {text}") from error


def agent_in(path: str) -> Any:
    """Give the `agent` that a file defines. Raises `UsageError`."""
    if not Path(path).is_file():
        raise UsageError(f"there is no file {path!r} to take an agent from")
    found = getattr(_imported(path, lambda: _executed(Path(path))), "agent", None)
    if not callable(getattr(found, "arun", None)):
        raise UsageError(f"{path!r} defines no agent; write `agent = CodeAgent(…)` in it")
    return found


def _near(name: str, names: Iterable[str]) -> str:
    close = get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def model_named(name: str | None, *, base: str | None = None, key_env: str | None = None) -> Model:
    """Give the model of a short name, behind the server and with the key that are named.

    The weights of a local one are fetched here, before the run shows anything. Raises `UsageError`.
    """
    if base is None and key_env is None:
        name = name or "local"
        if name.partition(":")[0] == "local":
            _require_weights(name.partition(":")[2])
        model: Model = load("codeling.models.registry:model_from")(name)
        return model
    prefix, _, rest = (name or "openai").partition(":")
    if prefix == "openai":
        return load("codeling.models.openai:OpenAIModel")(rest or None, api_base=base, api_key=_key(key_env))  # type: ignore[no-any-return]  # by name
    if prefix == "hf":
        kind = load("codeling.models.inference_client:InferenceClientModel")
        return kind(*filter(None, [rest]), base_url=base, token=_key(key_env))  # type: ignore[no-any-return]  # by name
    raise UsageError(f"--api-base and --api-key-env are for models behind a server, such as openai:NAME, not {name!r}")


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable)
    if not key:
        raise UsageError(f"--api-key-env {variable}: the environment variable {variable!r} is not set")
    return key


def _require_weights(name: str) -> None:
    load("codeling.models.support:needed")("xllamacpp", extra="local")  # before a gigabyte is fetched in vain
    wanted = name or "qwen2.5-coder-1.5b"
    if load("codeling.models.weights:find")(wanted) is None:
        load("codeling.models.weights:fetch")(wanted)
