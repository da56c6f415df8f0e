"""Short names for models, such as `"openai:gpt-5"` or `"local"`. A model's adapter is imported only when named.

A further adapter is one line in `ADAPTERS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import cast

from ..errors import UnknownName, UsageError
from ..protocols import Model

__all__ = ("ADAPTERS", "model_from")

ADAPTERS: Mapping[str, str] = {
    "anthropic": "codeling.models.anthropic:AnthropicModel",
    "azure": "codeling.models.azure:AzureOpenAIModel",
    "bedrock": "codeling.models.bedrock:AmazonBedrockModel",
    "google": "codeling.models.google:GoogleModel",
    "hf": "codeling.models.inference_client:InferenceClientModel",
    "litellm": "codeling.models.litellm:LiteLLMModel",
    "local": "codeling.models.local:LocalModel",
    "ollama": "codeling.models.ollama:OllamaModel",
    "openai": "codeling.models.openai:OpenAIModel",
}
"""What stands before the colon of a short name, and the `module:Class` that it stands for."""


def model_from(spec: str | Model, /) -> Model:
    """Give the model of a short name, `prefix` or `prefix:model`; a model is given back as it is.

    Raises `UnknownName` for a prefix, or a local model, that does not exist.
    """
    if not isinstance(spec, str):
        if not callable(getattr(spec, "reply", None)):
            raise UsageError(f"a model is a short name such as 'local', or has a method `reply`; got {spec!r}")
        return spec
    prefix, _, rest = spec.strip().partition(":")
    if prefix not in ADAPTERS:
        raise UnknownName(f"unknown model {spec!r}: {_hint(prefix)}")
    module, _, name = ADAPTERS[prefix].partition(":")
    adapter = getattr(import_module(module), name)
    return cast("Model", adapter(rest) if rest else adapter())


def _hint(prefix: str) -> str:
    close = get_close_matches(prefix.lower(), ADAPTERS, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    known = ", ".join(repr(name if name == "local" else f"{name}:…") for name in sorted(ADAPTERS))
    return f"{meant}A model is named {known} or 'local:…'"
