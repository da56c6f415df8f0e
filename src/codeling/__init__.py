"""codeling: small agents that act in Python, behind a real wall.

`from codeling import CodeAgent` and the other names below; each is loaded when it is first used, and
importing this package loads the standard library only.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

_CORE = ("agent", "errors", "events", "limits", "messages", "policy", "protocols", "result", "tools")
_STUB = Path(__file__).with_suffix(".pyi")
"""The type stub is the table of the names that adapters give: what checkers see is what there is."""


@cache
def _adapters() -> dict[str, str]:
    lines = _STUB.read_text(encoding="utf-8").splitlines()
    found = (re.fullmatch(r"from \.(\w+\.\w+) import (\w+) as \w+", line) for line in lines)
    return {match[2]: match[1] for match in found if match}


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return __dir__()
    for home in [_adapters()[name]] if name in _adapters() else _CORE:
        module = import_module(f"{__name__}.{home}")
        if name in module.__all__:
            return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"module 'codeling' has no attribute {name!r}")


def __dir__() -> list[str]:
    core = [name for home in _CORE for name in import_module(f"{__name__}.{home}").__all__]
    return sorted({"__version__", *_adapters(), *core})
