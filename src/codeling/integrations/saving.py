"""Tools and agents as folders, which are Gradio Spaces too; published on the Hub, and read again.

Nothing of the configuration is lost: what cannot be written down is refused by name. No secret is written.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..errors import EndsRun, UsageError
from ..lookup import load
from ..tools import Tool
from .hub import hub_library
from .saving_spec import ToolSpec, spec_of_tool

__all__ = ("agent_from_folder", "agent_from_hub", "push_agent", "push_tool", "save_agent", "save_tool")

_TOOL_APP = '''"""The tool of this folder as a web page. Its code is this Space's own, so it runs in this process."""

from pathlib import Path

from codeling import Tool
from codeling.integrations.spaces_app import tool_app

tool = Tool.from_folder(Path(__file__).parent, trust_remote_code=True)
app = tool_app(tool)

if __name__ == "__main__":
    app.launch()
'''
_AGENT_APP = '''"""The agent of this folder as a web page. Its tools' code is the Space's own, so it runs here.

The programs that the agent's model writes run behind the wall, as everywhere.
"""

from pathlib import Path

from codeling import Agent, GradioUI

agent = Agent.from_folder(Path(__file__).parent, trust_remote_code=True)

if __name__ == "__main__":
    GradioUI(agent).launch()
'''


def save_tool(tool: Tool, folder: str | os.PathLike[str], *, app: bool = True) -> Path:
    """Write a tool into a folder: `tool.py`, `tool.json`, and with `app` what makes it a Gradio Space.

    Its source is taken as it stands, whatever its file gives it included. Warns of secrets, which are not
    written. Raises `UsageError` for what cannot be written down, or needs a library that its `requirements`
    do not name.
    """
    spec = spec_of_tool(tool)
    written = write_spec(spec, Path(folder))
    if app:
        title = spec.name.replace("_", " ")
        _write_space(written, title, spec.description, kind="tool", specs=[spec], app=_TOOL_APP)
    _warn(spec.left_out)
    return written


def push_tool(
    tool: Tool, repo_id: str, /, *, commit_message: str = "Upload tool", private: bool | None = None,
    token: str | None = None, create_pr: bool = False,
) -> str:  # fmt: skip
    """Save the tool and publish it as the Space `repo_id`, made where it is not there. Gives the commit's address.

    Raises `UsageError` as `save_tool` does, `EndsRun` where the Hub cannot be reached or refuses.
    """
    with tempfile.TemporaryDirectory(prefix="codeling-push-") as folder:
        save_tool(tool, folder)
        return _publish(Path(folder), repo_id, commit_message, private=private, token=token, create_pr=create_pr)


def save_agent(agent: Any, folder: str | os.PathLike[str], *, leave_out: Iterable[str] = ()) -> Path:
    """Write an agent into a folder: `agent.json`, its tools and its managed agents, and a Gradio app of it.

    `leave_out` names what is not to be saved, such as `"step_callbacks"`. Warns of secrets, which are not
    written. Raises `UsageError` with everything else that cannot be written down.
    """
    saved = load("codeling.integrations.saving_agent:write_agent")(agent, Path(folder), frozenset(leave_out))
    title = (agent.name or type(agent).__name__).replace("_", " ")
    told, extras = agent.description or f"The agent {title}", ["gradio", *saved.extras]
    _write_space(Path(folder), title, told, kind="agent", specs=saved.specs, app=_AGENT_APP, extras=extras)
    _warn(saved.left_out)
    return Path(folder)


def push_agent(
    agent: Any, repo_id: str, /, *, commit_message: str = "Upload agent", private: bool | None = None,
    token: str | None = None, create_pr: bool = False, leave_out: Iterable[str] = (),
) -> str:  # fmt: skip
    """Save the agent and publish it as the Space `repo_id`; otherwise like `push_tool`."""
    with tempfile.TemporaryDirectory(prefix="codeling-push-") as folder:
        save_agent(agent, folder, leave_out=leave_out)
        return _publish(Path(folder), repo_id, commit_message, private=private, token=token, create_pr=create_pr)


def agent_from_folder(
    folder: str | os.PathLike[str], /, *, trust_remote_code: bool = False, network: Any = None, timeout: float = 60.0,
    **fields: Any,
) -> Any:  # fmt: skip
    """Give the agent that a folder holds; `fields` are put in place of what was saved, such as `model=…`.

    Without trust no code of the folder runs in this process: its tools run behind the wall, where a call may
    take `timeout` seconds and reach what `network` says, nothing by default; and what could reach beyond the
    wall (another executor, a model's address, a journal's path) must be given. Raises `UsageError` for it.
    """
    read = load("codeling.integrations.saving_agent:read_agent")
    return read(Path(folder), fields, trusted=trust_remote_code, network=network, timeout=timeout)


def agent_from_hub(
    repo_id: str, /, *, token: str | None = None, revision: str | None = None, trust_remote_code: bool = False,
    network: Any = None, timeout: float = 60.0, **fields: Any,
) -> Any:  # fmt: skip
    """Give the agent that the Space `repo_id` holds; otherwise like `agent_from_folder`."""
    hub, errors = hub_library("Agent.from_hub")
    try:
        folder = hub.snapshot_download(
            repo_id, repo_type="space", token=token, revision=revision,
            allow_patterns=["agent.json", "tools/*/tool.*", "agents/*"],
        )  # fmt: skip
    except errors.RepositoryNotFoundError as error:
        raise UsageError(f"the Hub has no Space {repo_id!r}, or not for this token: {_said(error, token)}") from None
    except Exception as error:  # noqa: BLE001  # foreign code: the client's errors of the net have no common base
        raise EndsRun(f"the Hub did not give {repo_id!r}: {_said(error, token)}") from None
    return agent_from_folder(folder, trust_remote_code=trust_remote_code, network=network, timeout=timeout, **fields)


def write_spec(spec: ToolSpec, folder: Path) -> Path:
    """Write a tool's source and its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tool.py").write_text(spec.source, encoding="utf-8")
    (folder / "tool.json").write_text(spec.text(), encoding="utf-8")
    return folder


def _write_space(
    folder: Path, title: str, description: str, *, kind: str, specs: Sequence[ToolSpec], app: str,
    extras: Iterable[str] = ("gradio",),
) -> None:  # fmt: skip
    """Write what makes the folder a Space. JSON is YAML, so that no text can break out of its line."""
    front = {"title": title, "sdk": "gradio", "app_file": "app.py", "pinned": False, "tags": ["codeling", kind]}
    lines = [f"{key}: {json.dumps(value)}" for key, value in front.items()]
    (folder / "README.md").write_text("\n".join(["---", *lines, "---", "", description, ""]), encoding="utf-8")
    (folder / "app.py").write_text(app, encoding="utf-8")
    known = set(importlib.metadata.metadata("codeling").get_all("Provides-Extra") or ())
    modules = {spec.source.split()[1].split(".")[1] for spec in specs if spec.source.startswith("from codeling.")}
    named = {"toolbox": "search", "integrations": "hub"}
    wanted = sorted({*extras, *(named.get(module, module) for module in modules)} & known)
    needed = sorted({requirement for spec in specs for requirement in spec.requirements})
    ours = f"codeling[{','.join(wanted)}]" if wanted else "codeling"
    version = importlib.metadata.version("codeling")
    (folder / "requirements.txt").write_text("\n".join([f"{ours}>={version}", *needed, ""]), encoding="utf-8")


def _publish(
    folder: Path, repo_id: str, message: str, *, private: bool | None, token: str | None, create_pr: bool
) -> str:  # fmt: skip
    hub, _ = hub_library("push_to_hub")
    try:
        hub.create_repo(repo_id, repo_type="space", space_sdk="gradio", exist_ok=True, private=private, token=token)
        commit = hub.upload_folder(
            repo_id=repo_id, repo_type="space", folder_path=folder, commit_message=message, token=token,
            create_pr=create_pr,
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001  # foreign code: the client's errors of the net have no common base
        raise EndsRun(f"the Hub did not take {repo_id!r}: {_said(error, token)}") from None
    return str(commit.commit_url)


def _said(error: Exception, token: str | None) -> str:
    text = f"{type(error).__name__}: {error}"
    return text.replace(token, "[token]") if token else text


def _warn(left_out: Iterable[str]) -> None:
    if places := ", ".join(left_out):
        warnings.warn(f"secrets are not saved; give them again where it is loaded: {places}", stacklevel=4)
