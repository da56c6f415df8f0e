"""Models of every provider that LiteLLM knows, and its router over several of them.

LiteLLM is told not to fetch its price table, not to print, and not to retry: that is done here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ModelError
from .answer import Answer, Incomplete, reading
from .chat import Wire, body_from, take, take_whole
from .hosted import HostedModel
from .prices import Prices
from .retry import TRIES, Transient, failure, secrets_in, wait_from
from .support import PerLoop, needed, warmed
from .terms import Refused

__all__ = ("LiteLLMModel", "LiteLLMRouterModel")

_REMEDY = "pass api_key=…, or set the environment variable that LiteLLM names for this provider"
_OF_TOOLS = ("tool_choice", "parallel_tool_calls")


class LiteLLMModel(HostedModel):
    """A model as LiteLLM names it, such as `"mistral/mistral-large-latest"` or `"cohere/command-a"`.

    `parameters` go into every request as they are.
    """

    extra = "litellm"
    hears = True

    def __init__(
        self,
        model_id: str,
        *,
        api_base: str | None = None,
        api_key: str | None = None,
        temperature: float | None = None,
        retries: int = TRIES - 1,
        reads_images: bool = True,
        calls_natively: bool = True,
        prices: Prices | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__(
            model_id, retries=retries, reads_images=reads_images, calls_natively=calls_natively, prices=prices
        )
        given = {"api_base": api_base, "api_key": api_key, "temperature": temperature} | parameters
        self._parameters = {name: value for name, value in given.items() if value is not None}
        self._keys = secrets_in(self._parameters)
        self._clients: PerLoop[Any] = PerLoop(self._connect, _disconnect)

    def _connect(self) -> Any:
        return _library().acompletion

    async def _attempt(self, answer: Answer, /) -> None:
        ask = await self._clients.get()
        library = _library()
        try:
            await self._terms.agree(self._body(answer), lambda fit: self._ask(ask, fit, answer))
        except library.exceptions.APIError as error:
            raise self._ours(error) from None
        except library.openai.OpenAIError as error:  # what its exceptions are built on
            raise self._ours(error) from None
        if answer.usage is not None and self._prices is None:
            cost = await asyncio.to_thread(_cost, library, answer, self.name)
            answer.usage += type(answer.usage)(cost=cost)

    def _body(self, answer: Answer) -> Wire:
        body = warmed(self._parameters, answer.request) | body_from(answer.request)
        if not answer.request.tools:
            body = {name: value for name, value in body.items() if name not in _OF_TOOLS}
        return body | ({} if answer.on_delta is None else {"stream_options": {"include_usage": True}})

    async def _ask(self, ask: Any, body: Wire, answer: Answer) -> None:
        library, streamed = _library(), answer.on_delta is not None
        try:
            response = await ask(model=self.name, stream=streamed, num_retries=0, max_retries=0, **body)
            if not streamed:
                with reading():
                    take_whole(answer, response.model_dump())
                return
            async for piece in response:
                with reading():
                    over = take(answer, piece.model_dump())
                if over:
                    await response.aclose()
                    break
        except (library.exceptions.BadRequestError, library.exceptions.UnprocessableEntityError) as error:
            raise Refused(self._ours(error), str(error)) from None
        except ValueError as error:
            raise Incomplete(f"the answer is not JSON: {error}") from None

    def _ours(self, error: Any) -> ModelError | Transient:
        library = _library()
        message = str(getattr(error, "message", None) or error).removeprefix("litellm.")
        status = getattr(error, "status_code", None)
        if isinstance(error, (library.exceptions.APIConnectionError, library.exceptions.Timeout)):
            status = None
        response = getattr(error, "response", None)
        wait = wait_from(getattr(response, "headers", None) or {})
        return failure(self.name, message, status=status, key=self._keys, remedy=_REMEDY, wait=wait)


class LiteLLMRouterModel(LiteLLMModel):
    """A group of models behind LiteLLM's router; `model_id` is the group's name.

    `model_list` and `client_kwargs` are what `litellm.Router` takes.
    """

    def __init__(
        self, model_id: str, model_list: Sequence[Mapping[str, Any]], *,
        client_kwargs: Mapping[str, Any] | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(model_id, **options)
        self._list = [dict(model) for model in model_list]
        self._keys += secrets_in(self._list)
        self._options = dict(client_kwargs or {})

    def _connect(self) -> Any:
        return _library().Router(model_list=self._list, **{"num_retries": 0, **self._options}).acompletion


def _library() -> Any:
    # Without this, importing it fetches a price table from the network.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    library = needed("litellm", extra="litellm")
    library.suppress_debug_info = True
    return library


def _cost(library: Any, answer: Answer, name: str) -> float:
    usage = answer.usage
    if usage is None or usage.cost:
        return 0.0
    try:
        asked, wrote = library.cost_per_token(
            model=name, prompt_tokens=usage.input_tokens, completion_tokens=usage.output_tokens,
            cache_read_input_tokens=usage.cached_tokens,
        )  # fmt: skip
        return float(asked + wrote)
    except Exception:  # noqa: BLE001  # foreign code: it raises a bare Exception for a model without a price
        return 0.0


async def _disconnect(client: Any) -> None:
    await _library().close_litellm_async_clients()
