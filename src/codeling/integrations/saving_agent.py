"""An agent written down as `agent.json` and folders, and made again.

Every field of the agent is written, also one that a later version adds: what cannot be is refused by its name.
Read without trust, nothing in the file may choose what reaches beyond the wall.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from ..errors import UsageError
from ..limits import Limits
from ..lookup import Recorded, load
from ..tools import Tool
from .hub import read_spec, read_text, tool_of_spec
from .saving import write_spec
from .saving_spec import ToolSpec, spec_of_tool
from .saving_types import type_from, written_type
from .saving_values import Packer, unpack

__all__ = ("Saved", "read_agent", "write_agent")

FORMAT = 1
FILE = "agent.json"
_DEEPEST = 8
_APART = ("tools", "managed_agents")
_HARMLESS = frozenset(
    ("model", "model_id", "provider", "temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "seed",
     "context", "threads", "timeout", "reasoning_effort", "memory", "disk", "files_limit", "open_files", "output_limit",
     "grammar", "frequency_penalty", "presence_penalty", "stop", "api", "cache", "reads_images",
     "calls_natively", "streaming")
)  # fmt: skip
"""Arguments of models and executors that nobody can reach out with."""
_OF_NOBODY = frozenset(
    ("model", "executor", "instructions", "max_steps", "planning_interval", "policy", "name", "description",
     "return_full_result", "additional_authorized_imports")
)  # fmt: skip
"""Fields that an untrusted agent may set, besides those with rules of their own; a later field has to be thought of."""
_EXTRAS = {"inference_client": "hub", "hf": "hub"}
_MADE_OF_MODELS = ("wrappers", "recorded")


@dataclass(slots=True, kw_only=True)
class Saved:
    """What was written."""

    specs: list[ToolSpec] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)


def write_agent(agent: Any, folder: Path, leave_out: frozenset[str]) -> Saved:
    """Write the agent and all below it. Raises `UsageError` with everything that cannot be written down."""
    names = {f.name for f in fields(agent)}
    if unknown := sorted(leave_out - names):
        raise UsageError(f"leave_out names {unknown[0]!r}, which no agent has; there are: {', '.join(sorted(names))}")
    packer, saved, wrong = Packer(), Saved(), cast("list[str]", [])
    data = {"format": FORMAT, "class": _class_name(agent), **_fields_of(agent, leave_out, packer, wrong)}
    helpers = [] if "managed_agents" in leave_out else list(agent.managed_agents or ())
    helping = {helper.name for helper in helpers}
    tools = [] if "tools" in leave_out else [tool for name, tool in agent._tools.items() if name not in helping]
    for tool in tools:
        try:
            saved.specs.append(spec_of_tool(tool))
        except UsageError as error:
            wrong.append(f"- tools: {error}")
    if wrong:
        raise UsageError(
            "this agent cannot be saved whole; change these, or name their fields in leave_out=(…):\n"
            + "\n".join(wrong)
        )
    data |= {"tools": [spec.name for spec in saved.specs], "managed_agents": [helper.name for helper in helpers]}
    data["left_out"] = sorted({*packer.left_out, *(name for name in leave_out if _was_set(agent, name))})
    saved.left_out = [*packer.left_out, *(place for spec in saved.specs for place in spec.left_out)]
    folder.mkdir(parents=True, exist_ok=True)
    for spec in list(saved.specs):
        write_spec(spec, folder / "tools" / spec.name)
    for helper in helpers:
        below = write_agent(helper, folder / "agents" / helper.name, leave_out)
        saved.specs += below.specs
        saved.left_out += [f"{helper.name}: {place}" for place in below.left_out]
        saved.extras += below.extras
    (folder / FILE).write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    saved.extras += [*_extras(getattr(agent, "model", None)), *_extras(getattr(agent, "executor", None))]
    return saved


def _fields_of(agent: Any, leave_out: frozenset[str], packer: Packer, wrong: list[str]) -> dict[str, Any]:
    """Every field that was set, as JSON data; what cannot be written down goes to `wrong`."""
    data: dict[str, Any] = {}
    for f in fields(agent):
        value = getattr(agent, f.name)
        if f.name in _APART or f.name in leave_out or _is_default(f, value):
            continue
        try:
            data[f.name] = _written(f.name, value, packer)
        except UsageError as error:
            wrong.append(f"- {f.name}: {error}")
    return data


def read_agent(
    folder: Path, given: Mapping[str, Any], *, trusted: bool, network: Any, timeout: float, depth: int = 0
) -> Any:  # fmt: skip
    """Make the agent of a folder, with `given` fields in place of those that were saved."""
    data = _loaded(folder)
    if depth > _DEEPEST:
        raise UsageError(f"{folder}: agents that manage agents, more than {_DEEPEST} deep")
    cls = _class_of(data["class"], trusted=trusted)
    known = {f.name for f in fields(cls)}
    if unknown := sorted({*given, *data} - known - {"format", "class", "left_out"}):
        raise UsageError(f"a {cls.__name__} has no field {unknown[0]!r}; there are: {', '.join(sorted(known))}")
    made: dict[str, Any] = {
        name: _read(name, value, trusted=trusted)
        for name, value in data.items()
        if name in known and name not in (*_APART, *given)
    }
    if "tools" not in given:
        made["tools"] = [
            _tool(folder / "tools" / _plain(name), trusted=trusted, network=network, timeout=timeout)
            for name in data["tools"]
        ]
    if "managed_agents" not in given:
        options = {"trusted": trusted, "network": network, "timeout": timeout, "depth": depth + 1}
        shared = {name: given[name] for name in ("model", "executor") if name in given}
        made["managed_agents"] = [
            _helper(folder / "agents" / _plain(name), shared, options) for name in data["managed_agents"]
        ]
    if "model" not in {**made, **given}:
        raise UsageError(f"{folder}: the model was not saved; pass model=…")
    return cls(**{**made, **given})


def _helper(folder: Path, shared: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    """A managed agent takes the caller's model and executor where it cannot have its own."""
    try:
        return read_agent(folder, {}, **options)
    except UsageError:
        usable = {f.name for f in fields(_class_of(_loaded(folder)["class"], trusted=options["trusted"]))}
        fitting = {name: value for name, value in shared.items() if name in usable}
        if not fitting:
            raise
        return read_agent(folder, fitting, **options)


def _loaded(folder: Path) -> dict[str, Any]:
    try:
        data = json.loads(read_text(folder / FILE, str(folder)))
        if data.get("format", 0) > FORMAT:
            raise UsageError(f"{folder}: a newer codeling wrote this agent; update codeling to read it")
        if "format" not in data:
            raise UsageError(f"{folder}: its {FILE} was not written by codeling")
        for name in ("tools", "managed_agents", "left_out"):
            if not isinstance(data[name], list) or not all(isinstance(item, str) for item in data[name]):
                raise ValueError(f"{name} is no list of names")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{folder}: its {FILE} cannot be read: {type(error).__name__}: {error}") from None
    return cast("dict[str, Any]", data)


def _tool(folder: Path, *, trusted: bool, network: Any, timeout: float) -> Tool:
    spec, network = read_spec(folder, str(folder)), None if trusted else network
    return tool_of_spec(spec, folder, trust_remote_code=trusted, executor=None, network=network, timeout=timeout)


def _written(name: str, value: Any, packer: Packer) -> Any:
    """One field as JSON data."""
    if name == "result_type":
        return written_type(value, name)
    if name == "limits":
        return {key: most for key, most in asdict(value).items() if most is not None}
    if name in ("model", "executor") and not isinstance(value, (str, Recorded)):
        raise UsageError(f"a {type(value).__name__!r} does not tell what it was made with; give a short name")
    return packer.pack(value, name)


def _read(name: str, value: Any, *, trusted: bool) -> Any:
    """One field of JSON data as a value."""
    if name == "result_type":
        return type_from(str(value), trusted=trusted)
    if name == "limits":
        try:
            return Limits(**value)
        except TypeError as error:
            raise UsageError(f"the saved limits cannot be read: {error}") from None
    if name == "journal" and not trusted:
        raise UsageError(f"the agent wants its runs stored in {value!r}; pass journal=…, or trust_remote_code=True")
    if not trusted and name not in _OF_NOBODY:
        raise UsageError(f"the agent sets {name!r}, which needs trust_remote_code=True; or pass {name}=…")
    if name in ("model", "executor"):
        return _part(name, value, trusted=trusted)
    made: Any = unpack(value, load("codeling.integrations.hub_trusted:make_object") if trusted else _no_object)
    return made


def _part(name: str, value: Any, *, trusted: bool) -> Any:
    """A model or an executor: its short name, or its class and arguments, which without trust must be harmless."""
    if not trusted and name == "model" and "//" in json.dumps(value):
        raise UsageError(f"the agent wants the model {value!r}, whose address would get your key; pass model=…")
    if isinstance(value, str):
        if name == "executor" and value != "sandbox" and not trusted:
            raise UsageError(f"the agent wants the executor {value!r}; pass executor=…, or trust_remote_code=True")
        return value
    inner = value.get("$made") if isinstance(value, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get("arguments"), dict):
        raise UsageError(f"the saved {name} cannot be read: {str(value)[:200]!r}")
    if not trusted:
        known = load("codeling.models.registry:ADAPTERS").values() if name == "model" else ()
        paths = {str(getattr(adapter, "path", adapter)).removeprefix("codeling.models.") for adapter in known}
        models = {f"codeling.models.{path}" for path in paths}
        safe = models if name == "model" else {"codeling.executors.sandbox:SandboxExecutor"}
        unpack(inner["arguments"], _no_object)  # what stands deeper is made by the same rules
        reaching = sorted(set(inner["arguments"]) - _HARMLESS)
        if inner.get("class") not in safe or reaching:
            what = f"with {', '.join(reaching)}" if reaching else "of that class"
            raise UsageError(
                f"the agent wants the {name} {inner.get('class')!r} {what}, which may reach beyond the wall or get "
                f"your keys; pass {name}=…, or trust_remote_code=True"
            )
    return load("codeling.integrations.hub_trusted:make_object")(inner)


def _no_object(given: Mapping[str, Any]) -> Any:
    raise UsageError(f"the agent holds an object of {given.get('class')!r}, which needs trust_remote_code=True")


def _class_name(agent: Any) -> str:
    cls = type(agent)
    if cls.__module__ == "codeling.agent":
        return str(cls.__name__)
    return written_type(cls, "the agent").strip("'")


def _class_of(name: Any, *, trusted: bool) -> Any:
    if name in ("CodeAgent", "ToolCallingAgent"):
        return load(f"codeling.agent:{name}")
    return type_from(repr(str(name)), trusted=trusted)


def _is_default(f: Field[Any], value: Any) -> bool:
    default = f.default_factory() if f.default_factory is not MISSING else f.default
    if isinstance(default, (bool, int, float, str)):
        return type(value) is type(default) and bool(value == default)
    return value is default or (default == () and value in ((), [], None))


def _was_set(agent: Any, name: str) -> bool:
    return any(f.name == name and not _is_default(f, getattr(agent, name)) for f in fields(agent))


def _plain(name: str) -> str:
    if not name.isidentifier():
        raise UsageError(f"{name!r} is no name of a tool or agent")
    return name


def _extras(part: Any) -> list[str]:
    """The extras that a model or executor needs, by the names of its file or its short name, and those of its parts."""
    if part is None:
        return []
    if isinstance(part, str):
        stem = part.partition(":")[0]
        return [_EXTRAS.get(stem, stem)]
    if isinstance(part, (list, tuple)):
        return [extra for inner in part for extra in _extras(inner)]
    if not isinstance(part, Recorded):
        return []
    stem = type(part).__module__.rpartition(".")[2]
    args, kwargs = part._made_with
    inner = [given for given in (*args, *kwargs.values()) if not isinstance(given, str) or stem in _MADE_OF_MODELS]
    return [_EXTRAS.get(stem, stem), *_extras(inner)]
