"""Short names for models, such as `"openai:gpt-5"` or `"local"`. A model's adapter is imported only when named.

A further adapter is one line in `ADAPTERS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import cast

from ..errors import UnknownName, UsageError
from ..protocols import Model

__all__ = ("ADAPTERS", "Adapter", "model_from")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """What a short name stands for, and what it takes to use it."""

    path: str
    """Its `file:Class` in this folder."""
    extra: str
    library: str
    """The module that the extra installs."""
    keys: tuple[str, ...] = ()
    """Environment variables of which one usually holds the key."""
    wants: str = ""
    """What else it needs, in words."""
    bare: bool = True
    """Whether the name alone says enough: some providers have no model that one could mean."""


ADAPTERS: Mapping[str, Adapter] = {
    "anthropic": Adapter(
        path="anthropic:AnthropicModel", extra="anthropic", library="anthropic", keys=("ANTHROPIC_API_KEY",)
    ),
    "azure": Adapter(
        path="azure:AzureOpenAIModel", extra="openai", library="openai", keys=("AZURE_OPENAI_API_KEY",), bare=False
    ),
    "bedrock": Adapter(
        path="bedrock:AmazonBedrockModel", extra="bedrock", library="boto3", bare=False,
        keys=("AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID", "AWS_PROFILE"),
    ),
    "google": Adapter(
        path="google:GoogleModel", extra="google", library="google.genai", keys=("GEMINI_API_KEY", "GOOGLE_API_KEY")
    ),
    "hf": Adapter(
        path="inference_client:InferenceClientModel", extra="hub", library="huggingface_hub", keys=("HF_TOKEN",)
    ),
    "litellm": Adapter(
        path="litellm:LiteLLMModel", extra="litellm", library="litellm", wants="the provider's key", bare=False
    ),
    "local": Adapter(path="local:LocalModel", extra="local", library="xllamacpp"),
    "mlx": Adapter(path="served:MLXModel", extra="mlx", library="mlx_lm", bare=False),
    "ollama": Adapter(
        path="ollama:OllamaModel", extra="ollama", library="ollama", wants="a running Ollama server", bare=False
    ),
    "openai": Adapter(path="openai:OpenAIModel", extra="openai", library="openai", keys=("OPENAI_API_KEY",)),
    "transformers": Adapter(path="transformers:TransformersModel", extra="transformers", library="transformers"),
    "vllm": Adapter(path="served:VLLMModel", extra="vllm", library="vllm", bare=False),
}  # fmt: skip
"""What stands before the colon of a short name, and the adapter that it stands for."""


def model_from(spec: str | Model, /) -> Model:
    """Give the model of a short name, `prefix` or `prefix:model`; a model is given back as it is.

    Raises `UnknownName` for a prefix, or a local model, that does not exist.
    """
    if not isinstance(spec, str):
        if isinstance(spec, type):
            raise UsageError(f"a model is made first: model={spec.__name__}(…)")
        if not callable(getattr(spec, "reply", None)):
            raise UsageError(f"a model is a short name such as 'local', or has a method `reply`; got {spec!r}")
        return spec
    prefix, _, rest = spec.strip().partition(":")
    if prefix not in ADAPTERS:
        raise UnknownName(f"unknown model {spec!r}: {_hint(spec.strip())}")
    if not rest and not ADAPTERS[prefix].bare:
        raise UsageError(f"say which model: {spec!r} wants a name after the colon, {prefix}:NAME")
    module, _, name = ADAPTERS[prefix].path.partition(":")
    adapter = getattr(import_module(f"{__package__}.{module}"), name)
    return cast("Model", adapter(rest) if rest else adapter())


def _hint(spec: str) -> str:
    close = get_close_matches(spec.partition(":")[0].lower(), ADAPTERS, n=1)
    close = [f"hf:{spec}"] if spec.count("/") == 1 and not close else close
    meant = f"did you mean {close[0]!r}? " if close else ""
    known = ", ".join(repr(name if name == "local" else f"{name}:…") for name in sorted(ADAPTERS))
    return f"{meant}A model is named {known} or 'local:…'"
