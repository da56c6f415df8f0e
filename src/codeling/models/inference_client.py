"""Models that the Hugging Face Hub routes to its inference providers, or that an endpoint of one's own serves.

A client is made for each reply: the vendor's keeps every stream open until the client itself is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from ..errors import ModelAccessDenied, ModelError, UsageError
from ..messages import Request
from .answer import Answer, Incomplete, reading
from .chat import Wire, body_from, take, take_whole
from .hosted import HostedModel
from .prices import Prices
from .retry import TRIES, Transient, failure, wait_from
from .support import needed, warmed
from .terms import Refused

__all__ = ("InferenceClientModel",)

_REMEDY = "set the environment variable HF_TOKEN, pass token=…, or log in with `hf auth login`"
_OF_TOOLS = ("tool_choice",)


class InferenceClientModel(HostedModel):
    """A model behind Hugging Face's inference providers, or behind the endpoint at `base_url`.

    `api_key` is another name for `token`. `parameters` go into every request as they are.
    """

    extra = "hub"
    hears = True

    def __init__(
        self,
        model_id: str = "Qwen/Qwen3-Next-80B-A3B-Instruct",
        *,
        provider: str | None = None,
        token: str | None = None,
        api_key: str | None = None,
        timeout: float = 120,
        bill_to: str | None = None,
        base_url: str | None = None,
        retries: int = TRIES - 1,
        reads_images: bool = True,
        calls_natively: bool = True,
        prices: Prices | None = None,
        **parameters: Any,
    ) -> None:
        if token is not None and api_key is not None:
            raise UsageError("token and api_key are two names for one thing; pass one of them")
        super().__init__(
            model_id, retries=retries, reads_images=reads_images, calls_natively=calls_natively, prices=prices
        )
        self._provider = provider
        self._token = token or api_key
        self._base = base_url
        where = {"base_url": base_url} if base_url else {"provider": provider}
        self._options = {"timeout": timeout, "bill_to": bill_to, **where}
        self._parameters = parameters

    def _sold_by(self) -> str | None:
        return self._base or (f"huggingface_{self._provider}" if self._provider else None)

    async def _attempt(self, answer: Answer, /) -> None:
        hub, errors = await asyncio.to_thread(_libraries)
        token = self._token or hub.get_token()
        if token is None and self._base is None:
            raise ModelAccessDenied(f"Hugging Face wants a token for {self.name!r} and none was found: {_REMEDY}")
        body = self._body(answer.request, streamed=answer.on_delta is not None)
        try:
            async with hub.AsyncInferenceClient(token=token, **self._options) as client:
                await self._terms.agree(body, lambda fit: self._ask(client, fit, answer))
        except errors.HTTPError as error:
            # The vendor's error holds the request with its headers, and so the token: it goes no further.
            raise self._ours(error, token) from None

    def _body(self, request: Request, *, streamed: bool) -> Wire:
        body = warmed(self._parameters, request) | body_from(request)
        if not request.tools:
            body = {name: value for name, value in body.items() if name not in _OF_TOOLS}
        return body | ({"stream_options": {"include_usage": True}} if streamed else {})

    async def _ask(self, client: Any, body: Wire, answer: Answer) -> None:
        errors = needed("huggingface_hub.errors", extra="hub")
        body = dict(body)
        messages = body.pop("messages")
        streamed = answer.on_delta is not None
        try:
            response = await client.chat_completion(messages, model=self.name, stream=streamed, extra_body=body)
            if not streamed:
                with reading():
                    take_whole(answer, _plain(response))
                return
            async for chunk in response:
                with reading():
                    over = take(answer, _plain(chunk))
                if over:
                    break
        except errors.HfHubHTTPError as error:
            if error.response.status_code not in (400, 422):
                raise
            raise Refused(self._ours(error, client.token), _said(error)) from None
        except (AttributeError, TypeError, ValueError) as error:  # of the library's reading of what is no answer
            raise Incomplete(f"the answer is malformed: {error}") from None

    def _ours(self, error: Any, token: str | None) -> ModelError | Transient:
        response = getattr(error, "response", None)
        status = None if response is None else int(response.status_code)
        wait = None if response is None else wait_from(response.headers)
        return failure(self.name, _said(error), status=status, key=token, remedy=_REMEDY, wait=wait)


def _libraries() -> tuple[Any, Any]:
    hub = needed("huggingface_hub", extra="hub")
    _ = hub.AsyncInferenceClient  # Naming it loads it, here and not in the event loop.
    return hub, needed("huggingface_hub.errors", extra="hub")


def _plain(value: Any) -> Any:
    """Give a vendor's object as plain data; as a dict it lacks the fields that its nested types do not know."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    held: Any = value
    if not is_dataclass(held):
        return value
    return {**value, **{known.name: _plain(getattr(value, known.name)) for known in fields(held)}}


def _said(error: Any) -> str:
    """Give the server's own words where it had any."""
    text = str(getattr(error, "server_message", None) or error or type(error).__name__)
    try:
        body = error.response.json()
    except (AttributeError, ValueError, RuntimeError):  # No answer, none in JSON, or one that was not read.
        return text
    inner = body.get("error", body) if isinstance(body, Mapping) else body
    message = inner.get("message") if isinstance(inner, Mapping) else inner
    return message if isinstance(message, str) else text
