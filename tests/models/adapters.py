"""Every adapter, and what it runs against in the conformance suite: a new adapter is one entry here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from codeling.models.anthropic import AnthropicModel
from codeling.models.azure import AzureOpenAIModel
from codeling.models.bedrock import AmazonBedrockModel
from codeling.models.google import GoogleModel
from codeling.models.inference_client import InferenceClientModel
from codeling.models.litellm import LiteLLMModel, LiteLLMRouterModel
from codeling.models.ollama import OllamaModel
from codeling.models.openai import OpenAIModel
from codeling.protocols import Model

from .loopback import KEY
from .wires import Anthropic, Bedrock, Chat, Google, Ollama, Responses, Wire

__all__ = ("REAL", "RECORDED", "Entry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One adapter and how it is set up."""

    name: str
    library: str
    """The vendor's own library, which is always the real one."""
    make: Callable[..., Model]
    wire: Wire = field(default_factory=Chat)
    streams: bool = True

    def __str__(self) -> str:
        return f"{self.name} ({self.library} real, wire recorded)"


def _openai(kind: Any = OpenAIModel, **fixed: Any) -> Callable[..., Model]:
    def made(base: str, *, key: str = KEY, retries: int = 1, timeout: float = 20, **options: Any) -> Model:
        client = {"max_retries": retries, "timeout": timeout}
        model: Model = kind("m", api_base=base, api_key=key, client_kwargs=client, **fixed, **options)
        return model

    return made


def _azure(base: str, *, key: str = KEY, retries: int = 1, timeout: float = 20, **options: Any) -> Model:
    client = {"max_retries": retries, "timeout": timeout}
    return AzureOpenAIModel(
        "m", azure_endpoint=base, api_key=key, api_version="2026-01-01", client_kwargs=client, **options
    )


def _hub(base: str, *, key: str = KEY, **options: Any) -> Model:
    return InferenceClientModel("m", base_url=base, token=key, **{"retries": 1, "timeout": 20, **options})


def _litellm(base: str, *, key: str = KEY, **options: Any) -> Model:
    return LiteLLMModel("openai/m", api_base=base, api_key=key, **{"retries": 1, "timeout": 20, **options})


def _router(base: str, *, key: str = KEY, retries: int = 1, timeout: float = 20, **options: Any) -> Model:
    params = {"model": "openai/m", "api_base": base, "api_key": key, "timeout": timeout}
    models = [{"model_name": "group", "litellm_params": params}]
    return LiteLLMRouterModel("group", models, retries=retries, **options)


def _anthropic(base: str, *, key: str = KEY, timeout: float = 20, **options: Any) -> Model:
    base = base.removesuffix("/v1")
    return AnthropicModel(
        "m", api_base=base, api_key=key, client_kwargs={"timeout": timeout}, **{"retries": 1, **options}
    )


def _ollama(base: str, *, key: str = KEY, **options: Any) -> Model:
    return OllamaModel("m", host=base, api_key=key, **{"retries": 1, "timeout": 20, **options})


def _google(base: str, *, key: str = KEY, **options: Any) -> Model:
    return GoogleModel("m", api_base=base, api_key=key, **{"retries": 1, "timeout": 20, **options})


def _bedrock(**fixed: Any) -> Callable[..., Model]:
    def made(base: str, *, key: str = KEY, **options: Any) -> Model:
        where = {"endpoint_url": base, "region_name": "us-east-1"}
        keys = {"aws_access_key_id": key, "aws_secret_access_key": key}
        return AmazonBedrockModel("m", client_kwargs=where | keys, **{"retries": 1, "timeout": 20, **fixed, **options})

    return made


RECORDED = (
    Entry(name="openai chat", library="openai", make=_openai()),
    Entry(name="openai responses", library="openai", make=_openai(api="responses"), wire=Responses()),
    Entry(name="azure", library="openai", make=_azure),
    Entry(name="hugging face", library="huggingface_hub", make=_hub),
    Entry(name="litellm", library="litellm", make=_litellm),
    Entry(name="anthropic", library="anthropic", make=_anthropic, wire=Anthropic()),
    Entry(name="ollama", library="ollama", make=_ollama, wire=Ollama()),
    Entry(name="google", library="google-genai", make=_google, wire=Google()),
    Entry(name="bedrock", library="boto3", make=_bedrock(), wire=Bedrock()),
    Entry(name="bedrock whole", library="boto3", make=_bedrock(streaming=False), wire=Bedrock(), streams=False),
)

_SPOKEN = ("openai chat", "openai responses", "hugging face", "litellm", "anthropic")
REAL = (*((entry.name, entry.make) for entry in RECORDED if entry.name in _SPOKEN), ("litellm router", _router))
"""The adapters whose dialect llama.cpp's server speaks: there, the library, the server and the weights are real."""
