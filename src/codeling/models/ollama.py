"""Models that an Ollama server runs, by Ollama's own client and API."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import ModelError
from ..messages import Message, Request, Usage
from .answer import Answer, Finish, Incomplete, count, reading
from .chat import Wire, base64
from .hosted import HostedModel
from .prices import Prices
from .retry import TRIES, Transient, cleaned, failure
from .support import PerLoop, needed, warmed

__all__ = ("OllamaModel",)

_FINISH: Mapping[str, Finish] = {"length": "length"}
_BESIDE = ("think", "keep_alive", "logprobs", "top_logprobs")
"""What stands beside a request's options and not in them."""


class OllamaModel(HostedModel):
    """A model that an Ollama server runs, at `host` or where the environment variable OLLAMA_HOST says.

    `parameters` are Ollama's own, such as `num_ctx=16384`, `temperature=0` or `think=True`. Ollama
    cuts a conversation that is longer than `num_ctx` without a word: set it large enough.
    """

    extra = "ollama"

    def __init__(
        self,
        model_id: str,
        *,
        host: str | None = None,
        api_key: str | None = None,
        timeout: float | None = 300,
        retries: int = TRIES - 1,
        reads_images: bool = True,
        calls_natively: bool = True,
        prices: Prices | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__(
            model_id, retries=retries, reads_images=reads_images, calls_natively=calls_natively, prices=prices
        )
        self._host, self._key, self._timeout = host, api_key, timeout
        self._parameters = parameters
        self._clients: PerLoop[Any] = PerLoop(self._connect, _disconnect)

    def _connect(self) -> Any:
        library = needed("ollama", extra="ollama")
        headers = {"authorization": f"Bearer {self._key}"} if self._key else None
        return library.AsyncClient(self._host, timeout=self._timeout, headers=headers)

    async def _attempt(self, answer: Answer, /) -> None:
        library = needed("ollama", extra="ollama")
        client = await self._clients.get()
        body, streamed = self._body(answer.request), answer.on_delta is not None
        try:
            response = await client.chat(model=self.name, stream=streamed, **body)
            if not streamed:
                with reading():
                    _take(answer, response.model_dump())
                return
            async for piece in response:
                with reading():
                    _take(answer, piece.model_dump())
                if answer.stopped:
                    break
        except library.ResponseError as error:
            raise self._ours(error.error, error.status_code) from None
        except (AttributeError, TypeError, ValueError) as error:  # also of the library's own reading
            raise Incomplete(f"the answer is malformed: {error}") from None

    def _body(self, request: Request) -> Wire:
        given = warmed(self._parameters, request)
        beside = {name: value for name, value in given.items() if name in _BESIDE}
        options = {name: value for name, value in given.items() if name not in _BESIDE}
        if request.max_tokens is not None:
            options["num_predict"] = request.max_tokens
        if request.stop:
            options["stop"] = list(request.stop)
        return beside | {
            "messages": _messages(request.messages), "options": options, "format": request.schema,
            "tools": [
                {"type": "function", "function": {
                    "name": tool.name, "description": tool.description, "parameters": tool.parameters}}
                for tool in request.tools
            ],
        }  # fmt: skip

    def _ours(self, said: object, status: int | None) -> ModelError | Transient:
        message = str(said.get("message") or said) if isinstance(said, Mapping) else str(said)  # a proxy's may be JSON
        key = self._key or os.environ.get("OLLAMA_API_KEY")
        remedy = "set the environment variable OLLAMA_API_KEY"
        if status == 404:
            return ModelError(f"{self.name}: {cleaned(message, key)} (ollama pull {self.name})")
        return failure(self.name, message, status=status if status != -1 else None, key=key, remedy=remedy)


def _messages(messages: Iterable[Message]) -> list[Wire]:
    """Give the conversation; Ollama knows the results of calls by the tool's name."""
    names: dict[str | None, str] = {}
    wires = []
    for message in messages:
        names |= {call.id: call.name for call in message.calls}
        wire: Wire = {"role": message.role, "content": message.content}
        if message.images:
            wire["images"] = [base64(image) for image in message.images]
        if message.role == "tool":
            wire["tool_name"] = names.get(message.call_id, "")
        if message.calls:
            wire["tool_calls"] = [
                {"function": {"name": call.name, "arguments": json.loads(json.dumps(dict(call.kwargs), default=str))}}
                for call in message.calls
            ]
        if message.reasoning and message.calls:  # wanted back until the calls have been answered
            wire["thinking"] = message.reasoning
        wires.append(wire)
    return wires


def _take(answer: Answer, piece: Mapping[str, Any]) -> None:
    message = piece.get("message") or {}
    answer.model = str(piece.get("model") or answer.model)
    answer.think(str(message.get("thinking") or ""))
    answer.say(str(message.get("content") or ""))
    for call in message.get("tool_calls") or ():
        function = call["function"]
        answer.call(None, name=str(function["name"]), arguments=json.dumps(dict(function.get("arguments") or {})))
    if piece.get("done"):
        answer.finish = _FINISH.get(str(piece.get("done_reason") or ""), "stop")
        answer.usage = Usage(input_tokens=count(piece, "prompt_eval_count"), output_tokens=count(piece, "eval_count"))


async def _disconnect(client: Any) -> None:
    await client.close()
