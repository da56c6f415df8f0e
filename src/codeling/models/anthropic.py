"""Claude models behind Anthropic's Messages API, or behind a server that speaks the same.

What does not change from step to step is marked for the provider's prompt cache. A model's thoughts
come signed, are kept with the message, and go back with the conversation as the provider wants it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import ModelAccessDenied, ModelError
from ..messages import Image, Message, Request, Usage
from .answer import Answer, Finish, Incomplete, count, reading
from .chat import Wire, base64
from .hosted import HostedModel
from .prices import Prices
from .retry import TRIES, Transient
from .stainless import data, disconnect, next_piece, ours, said
from .support import PerLoop, needed, warmed
from .terms import Refused, Terms

__all__ = ("AnthropicModel", "body_from")

_KEPT = "anthropic_thinking"
_REMEDY = "pass api_key=… or set the environment variable ANTHROPIC_API_KEY"
_OPTIONAL: Mapping[str, str | None] = {"stop_sequences": None, "output_config": None}
_OF_REQUEST = ("extra_headers", "extra_query", "timeout")
_MARK = {"cache_control": {"type": "ephemeral"}}
_FINISH: Mapping[str, Finish] = {
    "max_tokens": "length", "model_context_window_exceeded": "length", "tool_use": "calls", "refusal": "refused",
}  # fmt: skip


class AnthropicModel(HostedModel):
    """A Claude model behind Anthropic's API, or any model behind a server that is compatible with it.

    `max_tokens` is the most that one reply may hold, thoughts included. `cache=False` leaves the
    prompt-cache marks out. `parameters` go into every request as they are, such as
    `thinking={"type": "adaptive"}`.
    """

    extra = "anthropic"
    provider = "anthropic"

    def __init__(
        self,
        model_id: str = "claude-sonnet-4-5",
        *,
        api_base: str | None = None,
        api_key: str | None = None,
        client_kwargs: Mapping[str, Any] | None = None,
        max_tokens: int = 8192,
        temperature: float | None = None,
        cache: bool = True,
        retries: int = TRIES - 1,
        reads_images: bool = True,
        calls_natively: bool = True,
        prices: Prices | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__(
            model_id, retries=retries, reads_images=reads_images, calls_natively=calls_natively, prices=prices
        )
        self._base, self._key, self._cache = api_base, api_key, cache
        self._options = dict(client_kwargs or {})
        self._parameters = {"max_tokens": max_tokens, "temperature": temperature} | parameters
        self._terms = Terms(_OPTIONAL)
        self._clients: PerLoop[Any] = PerLoop(self._connect, disconnect)

    def _sold_by(self) -> str | None:
        return self._base or os.environ.get("ANTHROPIC_BASE_URL") or self.provider

    def _connect(self) -> Any:
        anthropic = needed("anthropic", extra="anthropic")
        options = {"api_key": self._key, "base_url": self._base} | self._options
        client = anthropic.AsyncAnthropic(max_retries=0, **options)
        _ = client.messages  # Naming it loads that part of the library, here and not in the event loop.
        return client

    async def _attempt(self, answer: Answer, /) -> None:
        client = await self._clients.get()
        anthropic = needed("anthropic", extra="anthropic")
        given = {name: value for name, value in warmed(self._parameters, answer.request).items() if value is not None}
        body = given | body_from(answer.request, cache=self._cache)
        if not answer.request.tools:
            body.pop("tool_choice", None)
        try:
            await self._terms.agree(body, lambda fit: self._ask(client, fit, answer))
        except anthropic.APIError as error:
            raise self._ours(error, client) from None
        except anthropic.AnthropicError as error:  # the library found no valid key, or no way to one
            raise ModelAccessDenied(f"{self.name}: {error} ({_REMEDY})") from None

    async def _ask(self, client: Any, body: Wire, answer: Answer) -> None:
        anthropic = needed("anthropic", extra="anthropic")
        own = {name: body.pop(name) for name in (*_OF_REQUEST, "messages", "max_tokens") if name in body}
        body |= body.pop("extra_body", None) or {}
        streamed = answer.on_delta is not None
        try:
            response = await client.messages.create(model=self.name, stream=streamed, extra_body=body, **own)
        except (anthropic.BadRequestError, anthropic.UnprocessableEntityError) as error:
            raise Refused(self._ours(error, client), said(error)[0]) from None
        except TypeError as error:
            if "authentication" not in str(error):
                raise
            raise ModelAccessDenied(f"{self.name}: no key was found: {_REMEDY}") from None
        except ValueError as error:
            raise Incomplete(f"the answer is not JSON: {error}") from None
        if not streamed:
            with reading():
                _take_whole(answer, data(response, anthropic.BaseModel))
            return
        thoughts: dict[int, Wire] = {}
        async with response:
            while (event := await next_piece(response)) is not None:
                with reading():
                    _take(answer, data(event, anthropic.BaseModel), thoughts)
                if answer.stopped:
                    break

    def _ours(self, error: Any, client: Any) -> ModelError | Transient:
        library = needed("anthropic", extra="anthropic")
        return ours(library, error, who=self.name, key=client.api_key, remedy=_REMEDY)


# What we ask


def body_from(request: Request, /, *, cache: bool = True) -> Wire:
    """Give everything of a request but the model's name as Anthropic wants it."""
    turns = _turns(message for message in request.messages if message.role != "system")
    body: Wire = {"messages": turns}
    if rules := [message.content for message in request.messages if message.role == "system" and message.content]:
        body["system"] = [{"type": "text", "text": "\n\n".join(rules)} | (_MARK if cache else {})]
    if cache and turns and turns[-1]["role"] == "user":
        turns[-1]["content"][-1] |= _MARK
    if request.tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
            for tool in request.tools
        ]
    if stops := [stop for stop in request.stop if stop.strip()]:
        body["stop_sequences"] = stops
    if request.schema is not None:
        body["output_config"] = {"format": {"type": "json_schema", "schema": request.schema}}
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    return body


def _turns(messages: Iterable[Message]) -> list[Wire]:
    """Give the conversation with the two sides in turn; the results of calls begin theirs."""
    turns: list[Wire] = []
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        blocks = list(_blocks(message))
        if not blocks:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    for turn in turns:
        turn["content"].sort(key=lambda block: block["type"] != "tool_result")
    return turns


def _blocks(message: Message) -> Iterator[Wire]:
    shown = [_image(image) for image in message.images]
    text = [{"type": "text", "text": message.content}] if message.content.strip() else []
    if message.role == "tool":
        result = {"type": "tool_result", "tool_use_id": message.call_id}
        yield result | {"content": [*text, *shown] or "(nothing)"}
        return
    if message.role == "assistant":
        yield from message.extra.get(_KEPT, ())
    yield from shown
    yield from text
    for call in message.calls:
        given = json.loads(json.dumps(dict(call.kwargs), default=str))
        yield {"type": "tool_use", "id": call.id, "name": call.name, "input": given}


def _image(image: Image) -> Wire:
    return {"type": "image", "source": {"type": "base64", "media_type": image.media_type, "data": base64(image)}}


# What comes back


def _take(answer: Answer, event: Mapping[str, Any], thoughts: dict[int, Wire]) -> None:
    """Take one event of a stream; `thoughts` holds those that are still being written."""
    index = int(event.get("index") or 0)
    match event.get("type"):
        case "message_start":
            message = event.get("message") or {}
            answer.model = str(message.get("model") or "")
            _take_usage(answer, message.get("usage"))
        case "content_block_start":
            block = event.get("content_block") or {}
            if block.get("type") in ("thinking", "redacted_thinking"):
                thoughts[index] = dict(block)
            _take_block(answer, block, index)
        case "content_block_delta":
            _take_delta(answer, event.get("delta") or {}, index, thoughts)
        case "content_block_stop" if index in thoughts:
            _keep(answer, thoughts.pop(index))
        case "message_delta":
            answer.finish = _FINISH.get((event.get("delta") or {}).get("stop_reason") or "", "stop")
            _take_usage(answer, event.get("usage"))


def _take_delta(answer: Answer, delta: Mapping[str, Any], index: int, thoughts: dict[int, Wire]) -> None:
    thought = thoughts.get(index, {})
    match delta.get("type"):
        case "text_delta":
            answer.say(str(delta.get("text") or ""))
        case "input_json_delta":
            answer.call(index, arguments=str(delta.get("partial_json") or ""))
        case "thinking_delta":
            answer.think(str(delta.get("thinking") or ""))
            thought["thinking"] = thought.get("thinking", "") + str(delta.get("thinking") or "")
        case "signature_delta":
            thought["signature"] = str(delta.get("signature") or "")


def _take_block(answer: Answer, block: Mapping[str, Any], index: int) -> None:
    match block.get("type"):
        case "text":
            answer.say(str(block.get("text") or ""))
        case "thinking":
            answer.think(str(block.get("thinking") or ""))
        case "tool_use":
            name = str(block.get("name") or "")
            answer.call(index, id=str(block.get("id") or ""), name=name, arguments=block.get("input") or "")


def _take_whole(answer: Answer, message: object) -> None:
    blocks = message.get("content") if isinstance(message, Mapping) else None
    if not isinstance(message, Mapping) or not isinstance(blocks, Sequence) or isinstance(blocks, str):
        raise Incomplete(f"the answer is no message but {str(message)[:200]!r}")
    for index, block in enumerate(blocks):
        _take_block(answer, block, index)
        _keep(answer, block)
    answer.model = str(message.get("model") or "")
    answer.finish = _FINISH.get(message.get("stop_reason") or "", "stop")
    _take_usage(answer, message.get("usage"))


def _keep(answer: Answer, block: Mapping[str, Any]) -> None:
    if block.get("signature") or block.get("type") == "redacted_thinking":
        answer.keep(_KEPT, [dict(block)])


def _take_usage(answer: Answer, usage: object) -> None:
    """Take the counts, which a stream gives in parts; what the cache read and wrote is counted apart there."""
    if not isinstance(usage, Mapping):
        return
    before = answer.usage or Usage()
    cached, answer.written = (
        count(usage, "cache_read_input_tokens") or before.cached_tokens,
        count(usage, "cache_creation_input_tokens") or answer.written,
    )
    fresh = count(usage, "input_tokens")
    answer.usage = Usage(
        input_tokens=fresh + cached + answer.written if fresh else before.input_tokens,
        output_tokens=count(usage, "output_tokens") or before.output_tokens,
        cached_tokens=cached,
        reasoning_tokens=count(usage.get("output_tokens_details"), "thinking_tokens") or before.reasoning_tokens,
    )
