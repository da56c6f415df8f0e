"""codeling: small agents that act in Python, behind a real wall.

`from codeling import CodeAgent` and the other names below; each is loaded when it is first used, and
importing this package loads the standard library only.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_CORE = ("agent", "errors", "events", "limits", "messages", "policy", "protocols", "result", "tools")
_ADAPTERS = {
    "DuckDuckGoSearchTool": "toolbox.web", "E2BExecutor": "executors.e2b", "CommandExecutor": "executors.command",
    "InferenceClientModel": "models.inference_client", "LocalModel": "models.local", "MemoryJournal": "journals.memory",
    "OpenAIModel": "models.openai", "SandboxExecutor": "executors.sandbox", "SQLiteJournal": "journals.sqlite",
    "TerminalObserver": "observers.terminal", "UnsafeLocalExecutor": "executors.unsafe",
    "VisitWebpageTool": "toolbox.web", "WebSearchTool": "toolbox.web",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    for home in [_ADAPTERS[name]] if name in _ADAPTERS else _CORE:
        module = import_module(f"{__name__}.{home}")
        if name in module.__all__:
            return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"module 'codeling' has no attribute {name!r}")


def __dir__() -> list[str]:
    core = [name for home in _CORE for name in import_module(f"{__name__}.{home}").__all__]
    return sorted({*globals(), *_ADAPTERS, *core})
