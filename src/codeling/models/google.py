"""Gemini models by Google's library: the Gemini API, or Vertex AI.

The signatures that Google puts on what a model thought are kept with the message and put back where
they were. The library is made to use httpx, so that there is one kind of failure.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..errors import ModelAccessDenied, ModelError
from ..messages import Audio, Image, Message, Request, Usage
from .answer import Answer, Finish, Incomplete, count, reading
from .chat import Wire
from .hosted import HostedModel
from .prices import Prices
from .retry import TRIES, Transient, failure, wait_from
from .support import PerLoop, needed, warmed

__all__ = ("GoogleModel",)

_KEPT = "google_signatures"
_MOST_STOPS = 5
_REMEDY = "pass api_key=… or set the environment variable GEMINI_API_KEY"
_REFUSED = frozenset({"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"})


class GoogleModel(HostedModel):
    """A Gemini model, such as `"gemini-2.5-flash"`.

    With `vertexai=True` in `client_kwargs`, and a project and location there, it is Vertex AI's.
    `parameters` go into every request's configuration, such as `temperature=0` or
    `thinking_config={"include_thoughts": True}`. `timeout` is in seconds.
    """

    extra = "google"
    provider = "google"
    hears = True

    def __init__(
        self,
        model_id: str = "gemini-2.5-flash",
        *,
        api_key: str | None = None,
        api_base: str | None = None,
        client_kwargs: Mapping[str, Any] | None = None,
        timeout: float = 300,
        retries: int = TRIES - 1,
        reads_images: bool = True,
        calls_natively: bool = True,
        prices: Prices | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__(
            model_id, retries=retries, reads_images=reads_images, calls_natively=calls_natively, prices=prices
        )
        self._key, self._base, self._timeout = api_key, api_base, timeout
        self._options = dict(client_kwargs or {})
        self._parameters = parameters
        self._clients: PerLoop[tuple[Any, Any]] = PerLoop(self._connect, _disconnect)

    def _connect(self) -> tuple[Any, Any]:
        library, http = needed("google.genai", extra="google"), needed("httpx", extra="google")
        session = http.AsyncClient()
        options = {"base_url": self._base, "httpx_async_client": session, "timeout": round(self._timeout * 1000)}
        try:
            client = library.Client(api_key=self._key, http_options=options, **self._options)
        except ValueError as error:
            raise ModelAccessDenied(f"{self.name}: no key was found: {_REMEDY} ({error})") from None
        return client.aio, session

    async def _attempt(self, answer: Answer, /) -> None:
        client, _ = await self._clients.get()
        errors = needed("google.genai.errors", extra="google")
        asked = self._asked(answer.request)
        try:
            if answer.on_delta is None:
                response = await client.models.generate_content(**asked)
                with reading():
                    _take(answer, response.model_dump(exclude_none=True))
                return
            async for piece in await client.models.generate_content_stream(**asked):
                with reading():
                    _take(answer, piece.model_dump(exclude_none=True))
                if answer.stopped:
                    break
        except errors.APIError as error:
            raise self._ours(error) from None
        except (AttributeError, TypeError, ValueError) as error:  # of its reading of what is no answer
            raise Incomplete(f"the answer is malformed: {error}") from None

    def _asked(self, request: Request) -> Wire:
        config = warmed(self._parameters, request) | {"automatic_function_calling": {"disable": True}}
        if rules := [message.content for message in request.messages if message.role == "system" and message.content]:
            config["system_instruction"] = "\n\n".join(rules)
        if request.tools:
            config["tools"] = [{"function_declarations": [
                {"name": tool.name, "description": tool.description, "parameters_json_schema": tool.parameters}
                for tool in request.tools
            ]}]  # fmt: skip
        else:
            config.pop("tool_config", None)
        if request.stop:
            config["stop_sequences"] = list(request.stop)[:_MOST_STOPS]
        if request.schema is not None:
            config |= {"response_mime_type": "application/json", "response_json_schema": request.schema}
        if request.max_tokens is not None:
            config["max_output_tokens"] = request.max_tokens
        return {"model": self.name, "contents": _contents(request.messages), "config": config}

    def _ours(self, error: Any) -> ModelError | Transient:
        details = json.dumps(error.details, default=str)
        status = int(error.code or 500)
        if "API_KEY_INVALID" in details or "API key not valid" in details:
            status = 401
        asked = re.search(r'"retryDelay": ?"([\d.]+)s"', details)
        headers = getattr(error.response, "headers", None) or {}
        wait = float(asked[1]) if asked else wait_from(headers)
        key = self._key or os.environ.get("GEMINI_API_KEY") or os.environ.get("GOOGLE_API_KEY")
        return failure(self.name, str(error.message or error.status), status=status, key=key, remedy=_REMEDY, wait=wait)


# What we ask


def _contents(messages: Iterable[Message]) -> list[Wire]:
    """Give the conversation with the two sides in turn."""
    names: dict[str | None, str] = {}
    turns: list[Wire] = []
    for message in messages:
        if message.role == "system":
            continue
        names |= {call.id: call.name for call in message.calls}
        role = "model" if message.role == "assistant" else "user"
        parts = list(_model_parts(message) if role == "model" else _user_parts(message, names))
        if turns and turns[-1]["role"] == role:
            turns[-1]["parts"] += parts
        elif parts:
            turns.append({"role": role, "parts": parts})
    return turns


def _user_parts(message: Message, names: Mapping[str | None, str]) -> Iterator[Wire]:
    if message.role == "tool":
        name = names.get(message.call_id, "tool")
        yield {"function_response": {"id": message.call_id, "name": name, "response": {"result": message.content}}}
    elif message.content:
        yield {"text": message.content}
    yield from map(_blob, message.images)
    yield from map(_blob, message.audio)


def _model_parts(message: Message) -> Iterator[Wire]:
    signatures = {
        kept.get("call"): {"thought_signature": b64decode(kept["signature"])} for kept in message.extra.get(_KEPT, ())
    }
    if message.content:
        yield {"text": message.content} | signatures.get(None, {})
    for index, call in enumerate(message.calls):
        given = json.loads(json.dumps(dict(call.kwargs), default=str))
        made = {"function_call": {"id": call.id, "name": call.name, "args": given}}
        yield made | signatures.get(index, {})


def _blob(media: Image | Audio) -> Wire:
    return {"inline_data": {"data": media.data, "mime_type": media.media_type}}


# What comes back


def _take(answer: Answer, piece: Mapping[str, Any]) -> None:
    answer.model = str(piece.get("model_version") or answer.model)
    if isinstance(usage := piece.get("usage_metadata"), Mapping):
        thought = count(usage, "thoughts_token_count")
        answer.usage = Usage(
            input_tokens=count(usage, "prompt_token_count"), reasoning_tokens=thought,
            output_tokens=count(usage, "candidates_token_count") + thought,
            cached_tokens=count(usage, "cached_content_token_count"),
        )  # fmt: skip
    if (piece.get("prompt_feedback") or {}).get("block_reason"):
        answer.finish, answer.refused = "stop", True
    for candidate in list(piece.get("candidates") or ())[:1]:
        for part in (candidate.get("content") or {}).get("parts") or ():
            _take_part(answer, part)
        if reason := candidate.get("finish_reason"):
            reason = str(getattr(reason, "value", reason))
            answer.refused = answer.refused or reason in _REFUSED or reason.endswith("_SAFETY")
            answer.finish = _finish(reason)


def _finish(reason: str) -> Finish:
    if reason in ("MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE"):
        raise Incomplete(f"the model's reply was malformed [{reason}]")
    return "length" if reason == "MAX_TOKENS" else "stop"


def _take_part(answer: Answer, part: Mapping[str, Any]) -> None:
    at = None
    if made := part.get("function_call"):
        at = answer.calls
        answer.call(
            at, id=str(made.get("id") or ""), name=str(made.get("name") or ""),
            arguments=json.dumps(made.get("args") or {}),
        )  # fmt: skip
    elif part.get("thought"):
        answer.think(str(part.get("text") or ""))
    else:
        answer.say(str(part.get("text") or ""))
    if signature := part.get("thought_signature"):
        answer.keep(_KEPT, [{"call": at, "signature": b64encode(signature).decode("ascii")}])


async def _disconnect(client: tuple[Any, Any]) -> None:
    await client[1].aclose()
