"""Models behind OpenAI's chat completions: OpenAI itself and every server that speaks the same.

No server is known here by its name; what one refuses is learnt from it (`terms.py`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..errors import ModelAccessDenied, ModelError, UsageError
from ..messages import Reply, Request
from ..protocols import OnDelta
from .chat import Answer, Incomplete, Wire, answer_from, body_from
from .retry import TRIES, Transient, failure, persist, wait_from
from .support import PerLoop, needed
from .terms import Refused, Terms

__all__ = ("OpenAIModel",)

_OF_TOOLS = ("tool_choice", "parallel_tool_calls")
_OF_REQUEST = ("extra_headers", "extra_query", "timeout")
_REMEDY = "pass api_key=… or set the environment variable OPENAI_API_KEY"


class OpenAIModel:
    """A model behind OpenAI's API or any server that is compatible with it.

    Without `model_id`, the server's only model is taken. `parameters` go into every request as
    they are, such as `top_p=0.9` or what only this server knows. `grammar=True` says that the
    server takes GBNF grammars, as llama.cpp's does.
    """

    def __init__(
        self,
        model_id: str | None = None,
        *,
        api_base: str | None = None,
        api_key: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        client_kwargs: Mapping[str, Any] | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        grammar: bool = False,
        **parameters: Any,
    ) -> None:
        options = dict(client_kwargs or {})
        self._tries = int(options.pop("max_retries", TRIES - 1)) + 1
        self._base, self._key = api_base, api_key
        self._options = {"organization": organization, "project": project, **options}
        self._model = model_id
        self._grammar = grammar
        self._parameters = {"temperature": temperature, "max_tokens": max_tokens} | parameters
        self._terms = Terms()
        self._clients: PerLoop[Any] = PerLoop(self._connect, _disconnect)

    @property
    def name(self) -> str:
        """The model's name, or where it is served until its name is known."""
        return self._model or self._base or "openai"

    async def reply(self, request: Request, /, *, on_delta: OnDelta | None = None) -> Reply:
        """Answer the conversation; see `Model.reply`.

        A stream that breaks in the middle is begun anew, so `on_delta` may see a beginning twice.
        """
        client = await self._clients.get()
        return await persist(lambda: self._attempt(client, request, on_delta), tries=self._tries)

    def _connect(self) -> Any:
        openai = needed("openai", extra="openai")
        key = self._key or os.environ.get("OPENAI_API_KEY")
        if not key and (self._base or os.environ.get("OPENAI_BASE_URL")):
            key = "none"  # Servers of one's own seldom want a key, and the library always does.
        options = {"api_key": key, "base_url": self._base} | self._options
        try:
            client = openai.AsyncOpenAI(max_retries=0, **options)
        except openai.OpenAIError as error:
            raise ModelAccessDenied(f"OpenAI wants a key and none was found: {_REMEDY} ({error})") from None
        # Naming it loads that part of the library, here and not in the event loop.
        _ = client.chat.completions
        return client

    async def _attempt(self, client: Any, request: Request, on_delta: OnDelta | None) -> Reply:
        openai = needed("openai", extra="openai")
        try:
            model = self._model or await self._only_model(client)
            body = self._body(request, streamed=on_delta is not None)
            return await self._terms.agree(body, lambda fit: self._ask(client, model, fit, Answer(request, on_delta)))
        except Incomplete as error:
            raise Transient(ModelError(f"{self.name}: {error}")) from None
        except openai.APIError as error:
            # The vendor's error holds the request with its headers, and so the key: it goes no further.
            raise self._ours(error, client.api_key) from None

    async def _only_model(self, client: Any) -> str:
        found = [model.id for model in (await client.models.list()).data]
        if len(found) != 1:
            raise UsageError(f"say which model: model_id=… is one of {', '.join(sorted(found)) or 'none'}")
        self._model = str(found[0])
        return self._model

    def _body(self, request: Request, *, streamed: bool) -> Wire:
        body = {name: value for name, value in self._parameters.items() if value is not None} | body_from(request)
        if not request.tools:
            body = {name: value for name, value in body.items() if name not in _OF_TOOLS}
        if request.grammar is not None and self._grammar:
            body["grammar"] = request.grammar
        return body | ({"stream_options": {"include_usage": True}} if streamed else {})

    async def _ask(self, client: Any, model: str, body: Wire, answer: Answer) -> Reply:
        openai = needed("openai", extra="openai")
        create = client.chat.completions.create
        own = {name: body.pop(name) for name in _OF_REQUEST if name in body}
        messages = body.pop("messages")
        # All the rest goes as an extra body, so that no version of the library need know its names.
        body |= body.pop("extra_body", None) or {}
        streamed = answer.on_delta is not None
        try:
            response = await create(model=model, messages=messages, stream=streamed, extra_body=body, **own)
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            raise Refused(self._ours(error, client.api_key), f"{error.param or ''} {error}") from None
        except ValueError as error:
            raise Incomplete(f"the answer is not JSON: {error}") from None
        if not streamed:
            return answer_from(_data(response, openai.BaseModel), answer.request)
        async with response:
            while (chunk := await _next(response)) is not None:
                if answer.add(_data(chunk, openai.BaseModel)):
                    break
        return answer.reply()

    def _ours(self, error: Any, key: str) -> ModelError | Transient:
        openai = needed("openai", extra="openai")
        body = error.body if isinstance(error.body, Mapping) else {}
        message = body.get("message")
        message = message if isinstance(message, str) and message else str(error.message or type(error).__name__)
        code = body.get("code") or body.get("type") or ""
        message = f"{message} [{code}]" if isinstance(code, str) and code and code not in message else message
        if not isinstance(error, openai.APIStatusError):
            status = code if isinstance(code, int) and 400 <= code < 600 else None
            reason = f" ({error.__cause__})" if error.__cause__ else ""
            return failure(self.name, f"{message}{reason}", status=status, key=key, remedy=_REMEDY)
        wait = wait_from(error.response.headers)
        return failure(self.name, message, status=error.status_code, key=key, remedy=_REMEDY, wait=wait)


async def _disconnect(client: Any) -> None:
    await client.close()


async def _next(stream: Any) -> Any:
    try:
        return await anext(stream, None)
    except ValueError as error:
        raise Incomplete(f"a piece of the answer is not JSON: {error}") from None


def _data(response: Any, model: type[Any]) -> Any:
    """Give a vendor's object as plain data; servers send fields that its types do not know or do not allow."""
    return response.to_dict(warnings=False) if isinstance(response, model) else response
