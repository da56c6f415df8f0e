"""Models of Amazon Bedrock by its Converse API, which is one for all of them.

The vendor's library is a blocking one: replies are streamed in a thread. When a reply is cancelled,
its connection is shut at once where it has begun; where it has not, the thread ends with the
server's first word or the client's read timeout, and whatever comes is thrown away.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, suppress
from threading import Lock
from typing import Any

from ..errors import MissingDependency, ModelAccessDenied, ModelError
from ..messages import Audio, Image, Message, Request, Usage
from .answer import Answer, Finish, count, reading
from .chat import Wire, format_of
from .hosted import HostedModel
from .prices import Prices
from .retry import TRIES, Transient, failure, secrets_in, wait_from
from .support import needed, pieces, warmed
from .terms import Refused, Terms

__all__ = ("AmazonBedrockModel",)

_KEPT = "bedrock_thinking"
_REMEDY = "configure AWS credentials and a region, or set the environment variable AWS_BEARER_TOKEN_BEDROCK"
_OPTIONAL: Mapping[str, str | None] = {"stopSequences": None, "outputConfig": None}
_INFERENCE = ("maxTokens", "temperature", "topP", "stopSequences")
_PASSING = frozenset(
    {"ThrottlingException", "ModelNotReadyException", "ModelTimeoutException", "InternalServerException"}
    | {"ServiceUnavailableException", "ModelStreamErrorException"}
)
_DENIED = frozenset(
    {"AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException", "InvalidSignatureException"}
)
_FINISH: Mapping[str, Finish] = {
    "max_tokens": "length", "model_context_window_exceeded": "length", "tool_use": "calls",
    "content_filtered": "refused", "guardrail_intervened": "refused",
}  # fmt: skip


class AmazonBedrockModel(HostedModel):
    """A model of Amazon Bedrock, by its id or the id of an inference profile.

    `client` is a boto3 client for `bedrock-runtime`, `client_kwargs` what `boto3.client` takes, such
    as `region_name`. `cache=True` sets prompt-cache points, for models that have them.
    `streaming=False` never streams, for those that cannot. `parameters` are Converse's own fields,
    such as `additionalModelRequestFields={…}`.
    """

    extra = "bedrock"
    provider = "aws"
    hears = True

    def __init__(
        self,
        model_id: str,
        *,
        client: Any = None,
        client_kwargs: Mapping[str, Any] | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        cache: bool = False,
        streaming: bool = True,
        timeout: float = 120,
        retries: int = TRIES - 1,
        reads_images: bool = True,
        calls_natively: bool = True,
        prices: Prices | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__(
            model_id, retries=retries, reads_images=reads_images, calls_natively=calls_natively, prices=prices
        )
        self._client, self._options, self._timeout = client, dict(client_kwargs or {}), timeout
        self._cache, self._streaming = cache, streaming
        self._parameters = {"maxTokens": max_tokens, "temperature": temperature} | parameters
        self._terms = Terms(_OPTIONAL)
        self._lock = Lock()

    def _connected(self) -> Any:
        with self._lock:  # boto3 may not make two clients at once
            if self._client is None:
                boto3, config = needed("boto3", extra="bedrock"), needed("botocore.config", extra="bedrock")
                patient = config.Config(
                    retries={"total_max_attempts": 1}, read_timeout=self._timeout, connect_timeout=10
                )  # fmt: skip
                self._client = boto3.client("bedrock-runtime", **{"config": patient, **self._options})
            return self._client

    async def _attempt(self, answer: Answer, /) -> None:
        given = {name: value for name, value in warmed(self._parameters, answer.request).items() if value is not None}
        body = given | _body(answer.request, cache=self._cache)
        await self._terms.agree(body, lambda fit: self._ask(fit, answer))

    async def _ask(self, body: Wire, answer: Answer) -> None:
        inference = {name: body[name] for name in _INFERENCE if name in body}
        asked = {"modelId": self.name} | {name: value for name, value in body.items() if name not in inference}
        asked |= {"inferenceConfig": inference} if inference else {}
        held: list[Any] = []

        def work(tell: Callable[[Wire], bool]) -> None:
            client = self._connected()
            if not self._streaming:
                tell(client.converse(**asked))
                return
            stream = client.converse_stream(**asked)["stream"]
            held.append(stream)
            with suppress(StopIteration):
                events = iter(stream)
                while not tell(next(events)):
                    pass
            stream.close()

        try:
            told: AsyncGenerator[Wire] = pieces(lambda tell: self._guarded(work, tell), stop=lambda: _shut(held))
            async with aclosing(told) as events:
                thoughts: dict[int, Wire] = {}
                async for event in events:
                    with reading():
                        _take(answer, event, thoughts) if self._streaming else _take_whole(answer, event)
                    if answer.stopped:
                        break
        except _Failed as failed:
            refused = isinstance(failed.error, ModelError) and failed.status in (400, 422)
            raise (Refused(failed.error, str(failed.error)) if refused else failed.error) from None

    def _guarded(self, work: Callable[[Any], None], tell: Any) -> None:
        """Do the work; whatever the vendor's library raises becomes ours, and carries no request."""
        errors = needed("botocore.exceptions", extra="bedrock")
        try:
            work(tell)
        except MissingDependency:
            raise
        except (errors.NoCredentialsError, errors.PartialCredentialsError, errors.NoRegionError) as error:
            raise ModelAccessDenied(f"{self.name}: {error} ({_REMEDY})") from None
        except errors.ParamValidationError as error:
            raise ModelError(f"{self.name}: {error}") from None
        except errors.ClientError as error:
            raise _Failed(*self._ours(error.response)) from None
        except Exception as error:  # noqa: BLE001  # foreign code: its transport and its parsers raise whatever they do
            text = f"{type(error).__name__}: {error}"
            raise _Failed(failure(self.name, text, status=None), None) from None

    def _ours(self, response: Mapping[str, Any]) -> tuple[ModelError | Transient, int | None]:
        error, meta = response.get("Error") or {}, response.get("ResponseMetadata") or {}
        code, status = str(error.get("Code") or ""), meta.get("HTTPStatusCode")
        code = code[:1].upper() + code[1:]  # in a stream they begin with a small letter
        if code in _PASSING:
            status = status if status and status >= 429 else 503
        elif code in _DENIED:
            status = 403
        elif code == "ValidationException" or status is None:
            status = 400
        wait = wait_from(meta.get("HTTPHeaders") or {})
        message = f"{error.get('Message') or code} [{code}]"
        keys = secrets_in(self._options)
        return failure(self.name, message, status=status, key=keys, remedy=_REMEDY, wait=wait), status


class _Failed(Exception):
    """What the vendor's library raised, as ours."""

    def __init__(self, error: ModelError | Transient, status: int | None) -> None:
        super().__init__(str(error))
        self.error, self.status = error, status


def _shut(held: Iterable[Any]) -> None:
    """End what is being read, from another thread than the one that reads."""
    for stream in held:
        with suppress(OSError, ValueError, AttributeError, RuntimeError):
            stream._raw_stream.shutdown()  # urllib3's own way; closing would wait for the reader


# What we ask


def _body(request: Request, *, cache: bool) -> Wire:
    point: list[Wire] = [{"cachePoint": {"type": "default"}}] if cache else []
    turns = _turns(request.messages)
    body: Wire = {"messages": turns}
    if rules := [message.content for message in request.messages if message.role == "system" and message.content]:
        body["system"] = [{"text": "\n\n".join(rules)}, *point]
    if turns and turns[-1]["role"] == "user":
        turns[-1]["content"] += point
    if request.tools:
        body["toolConfig"] = {"tools": [
            {"toolSpec": {"name": tool.name, "description": tool.description or tool.name,
                          "inputSchema": {"json": tool.parameters}}}
            for tool in request.tools
        ]}  # fmt: skip
    if stops := [stop for stop in request.stop if stop]:
        body["stopSequences"] = stops
    if request.schema is not None:
        shape = {"jsonSchema": {"schema": json.dumps(request.schema), "name": "reply"}}
        body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": shape}}
    if request.max_tokens is not None:
        body["maxTokens"] = request.max_tokens
    return body


def _turns(messages: Iterable[Message]) -> list[Wire]:
    """Give the conversation with the two sides in turn; the results of calls begin theirs."""
    turns: list[Wire] = []
    for message in messages:
        blocks = [] if message.role == "system" else list(_blocks(message))
        role = "assistant" if message.role == "assistant" else "user"
        if blocks and turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    for turn in turns:
        turn["content"].sort(key=lambda block: "toolResult" not in block)
    return turns


def _blocks(message: Message) -> Iterator[Wire]:
    shown = [_media("image", image) for image in message.images] + [_media("audio", sound) for sound in message.audio]
    text = [{"text": message.content}] if message.content.strip() else []
    if message.role == "tool":
        yield {"toolResult": {"toolUseId": message.call_id, "content": [*text, *shown] or [{"text": "(nothing)"}]}}
        return
    for kept in message.extra.get(_KEPT, ()):
        redacted = kept.get("redactedContent")
        block = {"redactedContent": b64decode(redacted)} if redacted else {"reasoningText": dict(kept)}
        yield {"reasoningContent": block}
    yield from shown
    yield from text
    for call in message.calls:
        given = json.loads(json.dumps(dict(call.kwargs), default=str))
        yield {"toolUse": {"toolUseId": call.id, "name": call.name, "input": given}}


def _media(kind: str, media: Image | Audio) -> Wire:
    return {kind: {"format": format_of(media), "source": {"bytes": media.data}}}


# What comes back


def _take(answer: Answer, event: Mapping[str, Any], thoughts: dict[int, Wire]) -> None:
    """Take one event of a stream; `thoughts` holds those that are still being written."""
    kind, body = next(iter(event.items()))
    index = int(body.get("contentBlockIndex") or 0)
    match kind:
        case "contentBlockStart" if made := (body.get("start") or {}).get("toolUse"):
            answer.call(index, id=str(made.get("toolUseId") or ""), name=str(made.get("name") or ""))
        case "contentBlockDelta":
            _take_delta(answer, body.get("delta") or {}, index, thoughts)
        case "contentBlockStop" if index in thoughts:
            _keep(answer, thoughts.pop(index))
        case "messageStop":
            answer.finish = _FINISH.get(body.get("stopReason") or "", "stop")
        case "metadata":
            _take_usage(answer, body.get("usage"))


def _take_delta(answer: Answer, delta: Mapping[str, Any], index: int, thoughts: dict[int, Wire]) -> None:
    if text := delta.get("text"):
        answer.say(str(text))
    if made := delta.get("toolUse"):
        answer.call(index, arguments=str(made.get("input") or ""))
    if thought := delta.get("reasoningContent"):
        kept = thoughts.setdefault(index, {})
        answer.think(str(thought.get("text") or ""))
        if "text" in thought:
            kept["text"] = kept.get("text", "") + str(thought["text"])
        for name in {"signature", "redactedContent"} & set(thought):
            kept[name] = thought[name]


def _take_whole(answer: Answer, response: Mapping[str, Any]) -> None:
    for index, block in enumerate(response["output"]["message"]["content"]):
        answer.say(str(block.get("text") or ""))
        if made := block.get("toolUse"):
            answer.call(index, id=made["toolUseId"], name=made["name"], arguments=made.get("input") or {})
        if thought := block.get("reasoningContent"):
            kept = dict(thought.get("reasoningText") or thought)
            answer.think(str(kept.get("text") or ""))
            _keep(answer, kept)
    answer.finish = _FINISH.get(response.get("stopReason") or "", "stop")
    _take_usage(answer, response.get("usage"))


def _keep(answer: Answer, kept: Wire) -> None:
    if isinstance(redacted := kept.get("redactedContent"), bytes):
        kept = {"redactedContent": b64encode(redacted).decode("ascii")}
    if "redactedContent" in kept or kept.get("signature"):
        answer.keep(_KEPT, [kept])


def _take_usage(answer: Answer, usage: object) -> None:
    cached, answer.written = count(usage, "cacheReadInputTokens"), count(usage, "cacheWriteInputTokens")
    asked = count(usage, "inputTokens") + cached + answer.written
    answer.usage = Usage(input_tokens=asked, output_tokens=count(usage, "outputTokens"), cached_tokens=cached)
