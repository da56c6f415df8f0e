"""Adapters of models, one file a provider. Importing this imports none of them.

A model is an object with a `name` and an async `reply`; `codeling.protocols.Model` is the contract.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .inference_client import InferenceClientModel
    from .local import LocalModel
    from .openai import OpenAIModel
    from .registry import model_from

__all__ = ("InferenceClientModel", "LocalModel", "OpenAIModel", "model_from")

_HOMES = {
    "InferenceClientModel": "inference_client",
    "LocalModel": "local",
    "OpenAIModel": "openai",
    "model_from": "registry",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
