"""OpenAI's models in Azure: the same dialects, another way in."""

from __future__ import annotations

from typing import Any

from .openai import OpenAIModel
from .support import needed

__all__ = ("AzureOpenAIModel",)


class AzureOpenAIModel(OpenAIModel):
    """A deployment of an OpenAI model in Azure; `model_id` is the deployment's name.

    `azure_endpoint`, `api_key` and `api_version` may also stand in the environment variables
    AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and OPENAI_API_VERSION. `client_kwargs` may hold an
    `azure_ad_token_provider`. All else is as with `OpenAIModel`.
    """

    provider = "azure"
    _remedy = (
        "pass azure_endpoint=…, api_key=… and api_version=…, or set AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY "
        "and OPENAI_API_VERSION"
    )

    def __init__(
        self,
        model_id: str,
        *,
        azure_endpoint: str | None = None,
        api_key: str | None = None,
        api_version: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(model_id, api_key=api_key, **options)
        self._place = {"azure_endpoint": azure_endpoint, "api_version": api_version}

    def _sold_by(self) -> str | None:
        return self.provider

    def _connect(self) -> Any:
        openai = needed("openai", extra="openai")
        return self._opened(openai.AsyncAzureOpenAI, {"api_key": self._key} | self._place | self._options)
