"""Models behind OpenAI's two dialects: OpenAI itself and every server that speaks the same.

No server is known here by its name; what one refuses is learnt from it (`terms.py`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Literal

from ..errors import ModelAccessDenied, ModelError, UsageError
from ..messages import Request
from . import chat, responses
from .answer import Answer, Incomplete, reading
from .chat import Wire
from .hosted import HostedModel
from .prices import Prices
from .retry import TRIES, Transient
from .stainless import data, disconnect, next_piece, ours, said
from .support import PerLoop, needed, warmed
from .terms import OPTIONAL, Refused, Terms

__all__ = ("OpenAIModel",)

_OF_TOOLS = ("tool_choice", "parallel_tool_calls")
_OF_REQUEST = ("extra_headers", "extra_query", "timeout")


class OpenAIModel(HostedModel):
    """A model behind OpenAI's API or any server that is compatible with it.

    Without `model_id`, the server's only model is taken. `api="responses"` speaks the Responses
    dialect instead of chat completions: a model's reasoning is then returned to it. `parameters` go
    into every request as they are, such as `top_p=0.9` or what only this server knows.
    `grammar=True` says that the server takes GBNF grammars, as llama.cpp's does.
    """

    extra = "openai"
    provider = "openai"
    hears = True
    _remedy = "pass api_key=… or set the environment variable OPENAI_API_KEY"

    def __init__(
        self,
        model_id: str | None = None,
        *,
        api_base: str | None = None,
        api_key: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        client_kwargs: Mapping[str, Any] | None = None,
        api: Literal["chat", "responses"] = "chat",
        temperature: float | None = None,
        max_tokens: int | None = None,
        grammar: bool = False,
        reads_images: bool = True,
        calls_natively: bool = True,
        prices: Prices | None = None,
        **parameters: Any,
    ) -> None:
        if api not in ("chat", "responses"):
            raise UsageError(f"api is 'chat' or 'responses', not {api!r}")
        options = dict(client_kwargs or {})
        retries = int(options.pop("max_retries", TRIES - 1))
        name = model_id or api_base or "openai"
        super().__init__(name, retries=retries, reads_images=reads_images, calls_natively=calls_natively, prices=prices)
        self._base, self._key, self._model = api_base, api_key, model_id
        self._options = {"organization": organization, "project": project, **options}
        self._dialect: ModuleType = responses if api == "responses" else chat
        self._grammar = grammar
        limit = "max_tokens" if api == "chat" else "max_output_tokens"
        self._parameters = {"temperature": temperature, limit: max_tokens} | parameters
        self._terms = Terms(OPTIONAL if api == "chat" else responses.OPTIONAL)
        self._clients: PerLoop[Any] = PerLoop(self._connect, disconnect)

    def _sold_by(self) -> str | None:
        return self._base or os.environ.get("OPENAI_BASE_URL") or self.provider

    def _connect(self) -> Any:
        openai = needed("openai", extra="openai")
        key = self._key or os.environ.get("OPENAI_API_KEY")
        if not key and (self._base or os.environ.get("OPENAI_BASE_URL")):
            key = "none"  # Servers of one's own seldom want a key, and the library always does.
        return self._opened(openai.AsyncOpenAI, {"api_key": key, "base_url": self._base} | self._options)

    def _opened(self, kind: Any, options: Mapping[str, Any]) -> Any:
        openai = needed("openai", extra="openai")
        try:
            client = kind(max_retries=0, **options)
        except openai.OpenAIError as error:
            raise ModelAccessDenied(f"{self.name}: no key was found: {self._remedy} ({error})") from None
        # Naming them loads those parts of the library, here and not in the event loop.
        _ = client.chat.completions, client.responses
        return client

    async def _attempt(self, answer: Answer, /) -> None:
        client = await self._clients.get()
        openai = needed("openai", extra="openai")
        try:
            model = self._model or await self._only_model(client)
            body = self._body(answer.request, streamed=answer.on_delta is not None)
            await self._terms.agree(body, lambda fit: self._ask(client, model, fit, answer))
        except openai.APIError as error:
            raise self._ours(error, client.api_key) from None

    async def _only_model(self, client: Any) -> str:
        found = [model.id for model in (await client.models.list()).data]
        if len(found) != 1:
            raise UsageError(f"say which model: model_id=… is one of {', '.join(sorted(found)) or 'none'}")
        self._model = self._name = str(found[0])
        return self._model

    def _body(self, request: Request, *, streamed: bool) -> Wire:
        asked: Wire = self._dialect.body_from(request)
        body = {name: value for name, value in warmed(self._parameters, request).items() if value is not None} | asked
        if not request.tools:
            body = {name: value for name, value in body.items() if name not in _OF_TOOLS}
        if request.grammar is not None and self._grammar:
            body["grammar"] = request.grammar
        usage = streamed and self._dialect is chat
        return body | ({"stream_options": {"include_usage": True}} if usage else {})

    async def _ask(self, client: Any, model: str, body: Wire, answer: Answer) -> None:
        openai = needed("openai", extra="openai")
        create, held = client.chat.completions.create, "messages"
        if self._dialect is responses:
            create, held = client.responses.create, "input"
        own = {name: body.pop(name) for name in (*_OF_REQUEST, held) if name in body}
        # All the rest goes as an extra body, so that no version of the library need know its names.
        body |= body.pop("extra_body", None) or {}
        streamed = answer.on_delta is not None
        try:
            response = await create(model=model, stream=streamed, extra_body=body, **own)
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            raise Refused(self._ours(error, client.api_key), f"{error.param or ''} {said(error)[0]}") from None
        except ValueError as error:
            raise Incomplete(f"the answer is not JSON: {error}") from None
        if not streamed:
            with reading():
                self._dialect.take_whole(answer, data(response, openai.BaseModel))
        else:
            await self._read(response, answer)
        most = body.get("max_output_tokens")
        if answer.finish == "stop" and answer.usage and isinstance(most, int) and answer.usage.output_tokens >= most:
            answer.finish = "length"  # llama.cpp's server does not say so in this dialect

    async def _read(self, response: Any, answer: Answer) -> None:
        openai = needed("openai", extra="openai")
        async with response:
            while (piece := await next_piece(response)) is not None:
                with reading():
                    over = self._dialect.take(answer, data(piece, openai.BaseModel))
                if over:
                    break

    def _ours(self, error: Any, key: str) -> ModelError | Transient:
        return ours(needed("openai", extra="openai"), error, who=self.name, key=key, remedy=self._remedy)
