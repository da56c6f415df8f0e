"""Tools of the Hugging Face Hub and of folders: a `tool.py`, and a `tool.json` where codeling wrote it.

Their code is not trusted. It is read here without being run, and runs behind the wall, in sessions of its own
without network; with `trust_remote_code=True` it runs in this process instead.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import EndsRun, MissingDependency, UsageError
from ..lookup import load
from ..protocols import Executor
from ..tools import Tool
from .hub_tool import HubTool
from .saving_spec import ToolSpec, spec_of_source
from .saving_values import pack

__all__ = ("collection_from_hub", "download", "hub_library", "tool_from_folder", "tool_from_hub", "tool_of_spec")

TOOL, SPEC, REQUIREMENTS = "tool.py", "tool.json", "requirements.txt"
_LARGEST = 4 << 20
"""Bytes of one file of a tool."""


def tool_from_hub(
    repo_id: str, /, *, token: str | None = None, revision: str | None = None, trust_remote_code: bool = False,
    executor: Executor | str | None = None, network: Any = None, timeout: float = 60.0, **arguments: Any,
) -> Tool:  # fmt: skip
    """Give the tool of the Space `repo_id`, such as `"someone/some-tool"`.

    Without trust its code runs in `executor`, by default the sandbox of this machine, where a call may take
    `timeout` seconds and reach what `network` says: nothing by default, otherwise what `SandboxExecutor` takes.
    `arguments` are for the tool's own class. Raises `UsageError` where there is no such Space or no tool in it,
    `EndsRun` where the Hub cannot be reached or refuses, with the Hub's own words.
    """
    _is_repo(repo_id)
    folder = download(repo_id, (TOOL, SPEC, REQUIREMENTS), token=token, revision=revision)
    return tool_from_folder(
        folder, trust_remote_code=trust_remote_code, executor=executor, network=network, timeout=timeout,
        origin=repo_id, **arguments,
    )  # fmt: skip


def tool_from_folder(
    folder: str | os.PathLike[str], /, *, trust_remote_code: bool = False, executor: Executor | str | None = None,
    network: Any = None, timeout: float = 60.0, origin: str | None = None, **arguments: Any,
) -> Tool:  # fmt: skip
    """Give the tool that a folder holds; what `tool_from_hub` says of its code holds here too."""
    spec = read_spec(Path(folder), origin or str(folder))
    if arguments:
        given = {name: pack(value, f"{spec.name}: {name}") for name, value in arguments.items()}
        spec = replace(spec, arguments={**spec.arguments, **given})
    return tool_of_spec(
        spec, Path(folder), trust_remote_code=trust_remote_code, executor=executor, network=network, timeout=timeout
    )


def tool_of_spec(
    spec: ToolSpec, folder: Path, *, trust_remote_code: bool, executor: Executor | str | None, network: Any,
    timeout: float = 60.0,
) -> Tool:  # fmt: skip
    """Make the tool that is written down, behind the wall or, with trust, here."""
    if trust_remote_code:
        if executor is not None or network is not None:
            raise UsageError("executor=, network= are for code that is not trusted; with trust it runs in this process")
        trusted: Tool = load("codeling.integrations.hub_trusted:trusted")(spec, folder)
        return trusted
    if executor is not None:
        if network is not None:
            raise UsageError("network= is for the default sandbox; give your executor the network that it allows")
        place: Executor = load("codeling.executors.registry:executor_from")(executor)
        return HubTool(spec, place, networked=True)
    options = {} if network is None else {"network": network}
    sandbox = load("codeling.executors.sandbox:SandboxExecutor")(timeout=timeout, **options)
    return HubTool(spec, sandbox, networked=bool(network))


def collection_from_hub(
    slug: str, /, *, token: str | None = None, trust_remote_code: bool = False, executor: Executor | str | None = None,
    network: Any = None, timeout: float = 60.0,
) -> Any:  # fmt: skip
    """Give the tools of a collection of the Hub as a `ToolCollection`: each of its Spaces, in its order.

    Raises `UsageError` for a collection that is not there or holds no Space, and for a Space without a tool.
    """
    hub, _ = hub_library("ToolCollection.from_hub")
    try:
        items = hub.get_collection(slug, token=token).items
    except Exception as error:  # noqa: BLE001  # foreign code: the client's errors of the net have no common base
        raise UsageError(f"the Hub gives no collection {slug!r}: {_said(error, token)}") from None
    names = [item.item_id for item in items if item.item_type == "space"]
    if not names:
        raise UsageError(f"the collection {slug!r} holds no Space, so no tool")
    options = {"token": token, "trust_remote_code": trust_remote_code, "executor": executor, "network": network}
    tools = [tool_from_hub(name, timeout=timeout, **options) for name in names]
    return load("codeling.integrations.collections:ToolCollection")(tools)


def read_spec(folder: Path, origin: str) -> ToolSpec:
    """Read what a folder says of its tool. Raises `UsageError` where it holds none."""
    source = read_text(folder / TOOL, origin)
    if (folder / SPEC).is_file():
        return ToolSpec.read(read_text(folder / SPEC, origin), source, origin)
    spec = spec_of_source(source, origin)
    if not spec.requirements and (folder / REQUIREMENTS).is_file():
        lines = (line.partition("#")[0].strip() for line in read_text(folder / REQUIREMENTS, origin).splitlines())
        spec = replace(spec, requirements=tuple(line for line in lines if line and line != "smolagents"))
    return spec


def read_text(path: Path, origin: str) -> str:
    """Read a small file. Raises `UsageError`."""
    try:
        if not _within(path):
            raise UsageError(f"{path.name} of {origin!r} is a link out of its folder; it is not followed")
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{path.name} of {origin!r} is larger than {_LARGEST >> 20} MiB; that is no tool")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{origin!r} has no {path.name}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} of {origin!r} cannot be read: {error}") from None


def _within(path: Path) -> bool:
    """Whether a file is in its folder, or in the Hub's cache, whose snapshots are links to its blobs."""
    real, parents = path.resolve(), path.absolute().parents
    snapshots = [parent.parents[1] / "blobs" for parent in parents if parent.parent.name == "snapshots"]
    return any(real.is_relative_to(place.resolve()) for place in (path.parent, *snapshots))


def download(repo_id: str, files: tuple[str, ...], *, token: str | None, revision: str | None) -> Path:
    """Fetch files of a Space, of which the first must be there, and give their folder.

    Raises `UsageError` for what is not there, `EndsRun` where the Hub cannot be reached.
    """
    hub, errors = hub_library("Tool.from_hub")
    found, why = Path(), list[str]()
    options: dict[str, Any] = {"repo_type": "space", "token": token, "revision": revision}
    try:
        options |= _commit(
            hub, errors, hub.hf_hub_url(repo_id, files[0], repo_type="space", revision=revision), token, why
        )
        for file in files:
            try:
                found = Path(hub.hf_hub_download(repo_id, file, **options)).parent
            except errors.EntryNotFoundError:
                if file == files[0]:
                    raise
    except errors.RepositoryNotFoundError as error:
        raise UsageError(f"the Hub has no Space {repo_id!r}, or not for this token: {_said(error, token)}") from None
    except errors.LocalEntryNotFoundError as error:
        reason = why[0] if why else _said(error, token)
        raise EndsRun(f"the Hub cannot be reached ({reason}), and {repo_id!r} was not fetched before") from None
    except errors.RemoteEntryNotFoundError as error:
        raise UsageError(f"the Space {repo_id!r} has no {files[0]}: {_said(error, token)}") from None
    except Exception as error:  # noqa: BLE001  # foreign code: the client's errors of the net have no common base
        raise EndsRun(f"the Hub did not give {repo_id!r}: {_said(error, token)}") from None
    return found


def _commit(hub: Any, errors: Any, url: str, token: str | None, why: list[str]) -> dict[str, Any]:
    """Ask once for the commit that all files are to be of; without an answer, what was fetched before is used.

    The client itself would try for half a minute. Raises the client's errors where the Hub does answer.
    """
    try:
        return {"revision": hub.get_hf_file_metadata(url, token=token, timeout=10).commit_hash}
    except errors.HfHubHTTPError:
        raise
    except Exception as error:  # noqa: BLE001  # foreign code: whatever its library for the net raises
        why.append(f"{type(error).__name__}: {error}")
        return {"local_files_only": True}


def hub_library(by: str) -> tuple[Any, Any]:
    """Give the Hub's client and its errors. Raises `MissingDependency`."""
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError as error:
        raise MissingDependency(f"{by} needs 'huggingface_hub': pip install 'codeling[hub]'") from error
    return huggingface_hub, huggingface_hub.errors


def _is_repo(repo_id: Any) -> None:
    if not isinstance(repo_id, str) or repo_id.count("/") != 1:
        raise UsageError(f"a Space is named 'owner/name', not {repo_id!r}; for a folder use Tool.from_folder")


def _said(error: Exception, token: str | None) -> str:
    text = f"{type(error).__name__}: {error}"
    return text.replace(token, "[token]") if token else text
