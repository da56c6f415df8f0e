"""How the vendors' servers speak, as recorded from their documentation and libraries: one class a dialect.

A test says what a server answers in words of its own, as a `Said` or a `Trouble`; a dialect puts it on
the wire, whole or streamed. So one test holds for every adapter.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from .loopback import Handler, Step

__all__ = ("Anthropic", "Bedrock", "Chat", "Google", "Ollama", "Responses", "Said", "Trouble", "Wire")

Kind = Literal["limit", "fail", "key", "model", "overflow", "stop", "blind", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer: its text in pieces, and whatever else there is to it."""

    text: tuple[str, ...] = ("hello",)
    thought: str = ""
    calls: tuple[tuple[str, str, str], ...] = ()
    """Id, name and arguments as the text that the model wrote."""
    finish: Literal["stop", "length", "calls", "refused"] = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A failure of some kind, in the vendor's words and then these."""

    kind: Kind
    words: str = ""
    wait: float | None = None


class Wire:
    """One dialect. Tokens are always 11 asked, 5 of them cached, and 7 written, 3 of them thought."""

    counts_cached: ClassVar[bool] = True
    counts_thoughts: ClassVar[bool] = True
    names_calls: ClassVar[bool] = True
    """Whether its calls have ids."""
    keeps: ClassVar[str | None] = None
    """Under what name thoughts are kept to be given back."""
    stop: ClassVar[str | None] = None
    """Where stop texts stand in a request, if the dialect has them."""
    kind: ClassVar[str] = "text/event-stream"
    words: ClassVar[Mapping[Kind, tuple[int, str]]]
    """Each kind of trouble as a status and the vendor's words."""

    def whole(self, said: Said) -> dict[str, Any]:
        """Give an answer that comes in one piece."""
        raise NotImplementedError

    def pieces(self, said: Said) -> list[bytes]:
        """Give an answer as the pieces of a stream."""
        raise NotImplementedError

    def error(self, status: int, message: str, kind: Kind) -> tuple[object, dict[str, str]]:
        """Give the body and the headers of a failure."""
        return {"error": {"message": message, "type": "error", "code": None}}, {}

    def streamed(self, http: Handler) -> bool:
        """Say whether the client asked for a stream."""
        return bool(http.server.asked[-1].get("stream"))

    def says(self, said: Said) -> Step:
        """Answer as the client wants it, whole or streamed."""
        return lambda http: (
            http.pour(self.pieces(said), kind=self.kind) if self.streamed(http) else http.answer(self.whole(said))
        )

    def breaks(self, said: Said, *, cut: bool) -> Step:
        """Answer with the first half of a stream, then reset the connection or end it in good order."""
        half = self.pieces(said)
        return lambda http: http.pour(half[: len(half) // 2], kind=self.kind, cut=cut)

    def dawdles(self, said: Said) -> Step:
        """Answer with the beginning of a stream again and again, as long as somebody listens."""
        pieces = self.pieces(said)[:-2]
        return lambda http: http.pour((piece for _ in range(600) for piece in pieces), kind=self.kind, pause=0.02)

    def fails(self, trouble: Trouble) -> Step:
        """Answer with a failure."""
        status, words = self.words[trouble.kind]
        body, headers = self.error(status, f"{words} {trouble.words}".strip(), trouble.kind)
        wait = {} if trouble.wait is None else {"Retry-After": str(trouble.wait)}
        return lambda http: http.answer(body, status=status, headers=headers | wait)


def sse(*events: object, named: bool = False) -> list[bytes]:
    """Give server-sent events."""
    lines = []
    for event in events:
        name = f"event: {event['type']}\n" if named and isinstance(event, dict) else ""
        lines.append(f"{name}data: {event if isinstance(event, str) else json.dumps(event)}\n\n".encode())
    return lines


class Chat(Wire):
    """OpenAI's chat completions."""

    stop = "stop"
    words: ClassVar[Mapping[Kind, tuple[int, str]]] = {
        "limit": (429, "Rate limit reached for requests"), "fail": (500, "The server had an error"),
        "key": (401, "Incorrect API key provided:"), "model": (404, "The model `m` does not exist"),
        "overflow": (400, "This model's maximum context length is 8192 tokens."),
        "stop": (400, "Unsupported parameter: 'stop' is not supported with this model."),
        "blind": (400, "image input is not supported"),
        "missing": (400, "Missing `reasoning_content` field in the assistant message at message index 1"),
    }  # fmt: skip
    finishes: ClassVar = {"stop": "stop", "length": "length", "calls": "tool_calls", "refused": "content_filter"}
    usage: ClassVar = {
        "prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 5}, "completion_tokens_details": {"reasoning_tokens": 3},
    }  # fmt: skip

    def whole(self, said: Said) -> dict[str, Any]:
        """Give one choice."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(said.text)}
        if said.thought:
            message["reasoning_content"] = said.thought
        if said.calls:
            message["tool_calls"] = [
                {"id": id, "type": "function", "function": {"name": name, "arguments": given}}
                for id, name, given in said.calls
            ]
        choice = {"index": 0, "message": message, "finish_reason": self.finishes[said.finish]}
        return self._base("chat.completion") | {"choices": [choice], "usage": self.usage}

    def pieces(self, said: Said) -> list[bytes]:
        """Give deltas; each call comes in three."""
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        if said.thought:
            deltas.append({"reasoning_content": said.thought})
        deltas += [{"content": text} for text in said.text]
        for index, (id, name, given) in enumerate(said.calls):
            deltas.append(
                {
                    "tool_calls": [
                        {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}
                    ]
                }
            )
            for part in (given[:5], given[5:]):
                deltas.append({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
        chunks: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
        ]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": self.finishes[said.finish]}]})
        chunks.append({"choices": [], "usage": self.usage})
        return sse(*(self._base("chat.completion.chunk") | chunk for chunk in chunks), "[DONE]")

    def _base(self, kind: str) -> dict[str, Any]:
        return {"id": "c", "object": kind, "created": 1, "model": "served"}


class Responses(Wire):
    """OpenAI's Responses."""

    keeps = "openai_reasoning"
    words: ClassVar[Mapping[Kind, tuple[int, str]]] = {
        **Chat.words,
        "overflow": (400, "Your input exceeds the context window of this model."),
    }

    def whole(self, said: Said) -> dict[str, Any]:
        """Give the output items."""
        return self._response(said, self._items(said))

    def pieces(self, said: Said) -> list[bytes]:
        """Give the events of each item, then the whole."""
        items = self._items(said)
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": self._response(said, []) | {"status": "in_progress"}}
        ]
        for index, item in enumerate(items):
            empty = {name: [] if isinstance(value, list) else value for name, value in item.items()}
            at = {"output_index": index, "item_id": item["id"], "content_index": 0, "summary_index": 0}
            events.append(
                {
                    "type": "response.output_item.added",
                    **at,
                    "item": empty | ({"arguments": ""} if "arguments" in item else {}),
                }
            )
            match item["type"]:
                case "reasoning":
                    events.append({"type": "response.reasoning_summary_text.delta", **at, "delta": said.thought})
                case "message":
                    kind = "refusal" if said.finish == "refused" else "output_text"
                    events += [
                        {"type": f"response.{kind}.delta", **at, "delta": text, "logprobs": []} for text in said.text
                    ]
                case "function_call":
                    for part in (item["arguments"][:5], item["arguments"][5:]):
                        events.append({"type": "response.function_call_arguments.delta", **at, "delta": part})
            events.append({"type": "response.output_item.done", **at, "item": item})
        end = "response.incomplete" if said.finish == "length" else "response.completed"
        events.append({"type": end, "response": self._response(said, items)})
        return sse(*({**event, "sequence_number": number} for number, event in enumerate(events)), named=True)

    def _items(self, said: Said) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        if said.thought:
            summary = [{"type": "summary_text", "text": said.thought}]
            items.append({"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "c2VjcmV0"})
        if any(said.text):
            text = "".join(said.text)
            part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
            if said.finish == "refused":
                part = {"type": "refusal", "refusal": text}
            items.append(
                {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
            )
        for number, (id, name, given) in enumerate(said.calls):
            items.append(
                {
                    "type": "function_call",
                    "id": f"fc_{number}",
                    "call_id": id,
                    "name": name,
                    "arguments": given,
                    "status": "completed",
                }
            )
        return items

    def _response(self, said: Said, items: list[dict[str, Any]]) -> dict[str, Any]:
        cut = said.finish == "length"
        return {
            "id": "resp_1", "object": "response", "created_at": 1, "model": "served", "output": items, "error": None,
            "status": "incomplete" if cut else "completed", "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "usage": {"input_tokens": 11, "input_tokens_details": {"cached_tokens": 5}, "output_tokens": 7,
                      "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 18},
        }  # fmt: skip


class Anthropic(Wire):
    """Anthropic's Messages."""

    keeps = "anthropic_thinking"
    stop = "stop_sequences"
    words: ClassVar[Mapping[Kind, tuple[int, str]]] = {
        "limit": (429, "This request would exceed your organization's rate limit"), "fail": (500, "Internal server error"),
        "key": (401, "invalid x-api-key"), "model": (404, "model: m"),
        "overflow": (400, "prompt is too long: 210000 tokens > 200000 maximum"),
        "stop": (400, "stop_sequences: this model takes none"), "blind": (400, "image input is not supported"),
    }  # fmt: skip
    finishes: ClassVar = {"stop": "end_turn", "length": "max_tokens", "calls": "tool_use", "refused": "refusal"}
    types: ClassVar = {
        "limit": "rate_limit_error",
        "fail": "api_error",
        "key": "authentication_error",
        "model": "not_found_error",
    }

    def whole(self, said: Said) -> dict[str, Any]:
        """Give the blocks of a message."""
        usage = self._usage() | {"output_tokens": 7, "output_tokens_details": {"thinking_tokens": 3}}
        return self._message() | {
            "content": self._blocks(said),
            "stop_reason": self.finishes[said.finish],
            "usage": usage,
        }

    def pieces(self, said: Said) -> list[bytes]:
        """Give the events of each block."""
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": self._message() | {"usage": self._usage() | {"output_tokens": 1}}},
            {"type": "ping"},
        ]
        given_by = iter([given for _, _, given in said.calls])
        for index, block in enumerate(self._blocks(said)):
            match block["type"]:
                case "thinking":
                    empty: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}
                    deltas: list[dict[str, Any]] = [
                        {"type": "thinking_delta", "thinking": said.thought},
                        {"type": "signature_delta", "signature": "c2ln"},
                    ]
                case "text":
                    empty = {"type": "text", "text": ""}
                    deltas = [{"type": "text_delta", "text": text} for text in said.text]
                case _:
                    empty = block | {"input": {}}
                    given = next(given_by)
                    deltas = [{"type": "input_json_delta", "partial_json": part} for part in (given[:5], given[5:])]
            events.append({"type": "content_block_start", "index": index, "content_block": empty})
            events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
            events.append({"type": "content_block_stop", "index": index})
        usage = {"output_tokens": 7, "output_tokens_details": {"thinking_tokens": 3}}
        events.append(
            {
                "type": "message_delta",
                "delta": {"stop_reason": self.finishes[said.finish], "stop_sequence": None},
                "usage": usage,
            }
        )
        return sse(*events, {"type": "message_stop"}, named=True)

    def error(self, status: int, message: str, kind: Kind) -> tuple[object, dict[str, str]]:
        """Give the vendor's shape."""
        return {
            "type": "error",
            "error": {"type": self.types.get(kind, "invalid_request_error"), "message": message},
        }, {}

    def _message(self) -> dict[str, Any]:
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "served",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        }

    def _usage(self) -> dict[str, Any]:
        return {"input_tokens": 4, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 2}

    def _blocks(self, said: Said) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = []
        if said.thought:
            blocks.append({"type": "thinking", "thinking": said.thought, "signature": "c2ln"})
        if any(said.text):
            blocks.append({"type": "text", "text": "".join(said.text)})
        return blocks + [
            {"type": "tool_use", "id": id, "name": name, "input": loaded(given)} for id, name, given in said.calls
        ]


def loaded(given: str) -> Any:
    """Give arguments as an object where they are one: these dialects send objects, not text."""
    try:
        return json.loads(given)
    except ValueError:
        return {}


class Ollama(Wire):
    """Ollama's chat."""

    counts_cached = counts_thoughts = names_calls = False
    kind = "application/x-ndjson"
    stop = "options"
    words: ClassVar[Mapping[Kind, tuple[int, str]]] = {
        "limit": (429, "server busy, please try again"), "fail": (500, "llama runner process has terminated"),
        "key": (401, "unauthorized"), "model": (404, "model 'm' not found"),
        "overflow": (400, "the input length exceeds the context length"),
        "stop": (400, "invalid option: stop"), "blind": (400, "this model does not support image input"),
    }  # fmt: skip
    base: ClassVar = {"model": "served", "created_at": "2026-11-01T00:00:00Z"}

    def whole(self, said: Said) -> dict[str, Any]:
        """Give the one message."""
        return self.base | {"message": self._message("".join(said.text), said.thought, said.calls)} | self._end(said)

    def pieces(self, said: Said) -> list[bytes]:
        """Give lines; calls come whole."""
        messages = [self._message("", said.thought, ())] if said.thought else []
        messages += [self._message(text, "", ()) for text in said.text]
        messages += [self._message("", "", (call,)) for call in said.calls]
        lines: list[dict[str, Any]] = [self.base | {"message": message, "done": False} for message in messages]
        lines.append(self.base | {"message": self._message("", "", ())} | self._end(said))
        return [json.dumps(line).encode() + b"\n" for line in lines]

    def error(self, status: int, message: str, kind: Kind) -> tuple[object, dict[str, str]]:
        """Give the vendor's shape."""
        return {"error": message}, {}

    def _message(self, text: str, thought: str, calls: tuple[tuple[str, str, str], ...]) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if thought:
            message["thinking"] = thought
        if calls:
            message["tool_calls"] = [
                {"function": {"name": name, "arguments": loaded(given)}} for _, name, given in calls
            ]
        return message

    def _end(self, said: Said) -> dict[str, Any]:
        reason = "length" if said.finish == "length" else "stop"
        return {"done": True, "done_reason": reason, "prompt_eval_count": 11, "eval_count": 7, "total_duration": 1}


class Google(Wire):
    """Google's generateContent."""

    keeps = "google_signatures"
    stop = "generationConfig"
    words: ClassVar[Mapping[Kind, tuple[int, str]]] = {
        "limit": (429, "Resource has been exhausted"), "fail": (500, "An internal error has occurred"),
        "key": (400, "API key not valid. Please pass a valid API key."), "model": (404, "models/m is not found"),
        "overflow": (400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
        "stop": (400, "stop_sequences are not supported"), "blind": (400, "Image input is not supported for this model"),
    }  # fmt: skip
    usage: ClassVar = {
        "promptTokenCount": 11,
        "candidatesTokenCount": 4,
        "thoughtsTokenCount": 3,
        "cachedContentTokenCount": 5,
        "totalTokenCount": 18,
    }

    def whole(self, said: Said) -> dict[str, Any]:
        """Give one candidate."""
        return self._response(
            [*self._thoughts(said), *self._texts(said, joined=True), *self._calls(said)], self._reason(said)
        )

    def pieces(self, said: Said) -> list[bytes]:
        """Give chunks; calls come whole."""
        parts = [*self._thoughts(said), *self._texts(said, joined=False), *self._calls(said)]
        return sse(
            *(self._response([part], None) for part in parts), self._response([{"text": ""}], self._reason(said))
        )

    def error(self, status: int, message: str, kind: Kind) -> tuple[object, dict[str, str]]:
        """Give the vendor's shape."""
        details = (
            [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
            if kind == "key"
            else []
        )
        return {"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT", "details": details}}, {}

    def streamed(self, http: Handler) -> bool:
        """The path says it."""
        return "streamGenerateContent" in http.path

    def _reason(self, said: Said) -> str:
        return {"stop": "STOP", "length": "MAX_TOKENS", "calls": "STOP", "refused": "SAFETY"}[said.finish]

    def _thoughts(self, said: Said) -> list[dict[str, Any]]:
        return [{"text": said.thought, "thought": True}] if said.thought else []

    def _texts(self, said: Said, *, joined: bool) -> list[dict[str, Any]]:
        return [{"text": text} for text in (["".join(said.text)] if joined else said.text) if text]

    def _calls(self, said: Said) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = [
            {"functionCall": {"id": id, "name": name, "args": loaded(given)}} for id, name, given in said.calls
        ]
        if parts and said.thought:
            parts[0]["thoughtSignature"] = "c2ln"
        return parts

    def _response(self, parts: list[dict[str, Any]], reason: str | None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        if reason:
            candidate["finishReason"] = reason
        return {"candidates": [candidate], "usageMetadata": self.usage, "modelVersion": "served"}


class Bedrock(Wire):
    """Amazon Bedrock's Converse, streams in AWS's binary frames."""

    counts_thoughts = False
    keeps = "bedrock_thinking"
    stop = "inferenceConfig"
    kind = "application/vnd.amazon.eventstream"
    words: ClassVar[Mapping[Kind, tuple[int, str]]] = {
        "limit": (429, "Too many requests, please wait before trying again."), "fail": (500, "The system encountered an error"),
        "key": (403, "The security token included in the request is invalid."), "model": (404, "Could not resolve the foundation model"),
        "overflow": (400, "Input is too long for requested model."),
        "stop": (400, "This model doesn't support the stopSequences field. Remove stopSequences and try again."),
        "blind": (400, "This model doesn't support the image field: image input is not supported"),
    }  # fmt: skip
    types: ClassVar = {
        "limit": "ThrottlingException",
        "fail": "InternalServerException",
        "key": "UnrecognizedClientException",
        "model": "ResourceNotFoundException",
    }
    finishes: ClassVar = {
        "stop": "end_turn",
        "length": "max_tokens",
        "calls": "tool_use",
        "refused": "content_filtered",
    }
    usage: ClassVar = {
        "inputTokens": 4,
        "cacheReadInputTokens": 5,
        "cacheWriteInputTokens": 2,
        "outputTokens": 7,
        "totalTokens": 18,
    }

    def whole(self, said: Said) -> dict[str, Any]:
        """Give the blocks of a message."""
        blocks: list[dict[str, Any]] = []
        if said.thought:
            blocks.append({"reasoningContent": {"reasoningText": {"text": said.thought, "signature": "c2ln"}}})
        blocks += [{"text": "".join(said.text)}] if any(said.text) else []
        blocks += [
            {"toolUse": {"toolUseId": id, "name": name, "input": loaded(given)}} for id, name, given in said.calls
        ]
        message = {"role": "assistant", "content": blocks}
        return {
            "output": {"message": message},
            "stopReason": self.finishes[said.finish],
            "usage": self.usage,
            "metrics": {"latencyMs": 1},
        }

    def pieces(self, said: Said) -> list[bytes]:
        """Give frames."""
        frames = [self.frame("messageStart", {"role": "assistant"})]
        deltas: list[tuple[dict[str, Any] | None, list[dict[str, Any]]]] = []
        if said.thought:
            deltas.append(
                (None, [{"reasoningContent": {"text": said.thought}}, {"reasoningContent": {"signature": "c2ln"}}])
            )
        if any(said.text):
            deltas.append((None, [{"text": text} for text in said.text]))
        for id, name, given in said.calls:
            deltas.append(
                (
                    {"toolUse": {"toolUseId": id, "name": name}},
                    [{"toolUse": {"input": part}} for part in (given[:5], given[5:])],
                )
            )
        for index, (start, parts) in enumerate(deltas):
            if start:
                frames.append(self.frame("contentBlockStart", {"contentBlockIndex": index, "start": start}))
            frames += [self.frame("contentBlockDelta", {"contentBlockIndex": index, "delta": part}) for part in parts]
            frames.append(self.frame("contentBlockStop", {"contentBlockIndex": index}))
        frames.append(self.frame("messageStop", {"stopReason": self.finishes[said.finish]}))
        return [*frames, self.frame("metadata", {"usage": self.usage, "metrics": {"latencyMs": 1}})]

    def error(self, status: int, message: str, kind: Kind) -> tuple[object, dict[str, str]]:
        """Give the vendor's shape: the kind of failure stands in a header."""
        return {"message": message}, {"x-amzn-ErrorType": self.types.get(kind, "ValidationException")}

    def streamed(self, http: Handler) -> bool:
        """The path says it."""
        return http.path.endswith("/converse-stream")

    @staticmethod
    def frame(event: str, body: dict[str, Any], *, kind: str = "event") -> bytes:
        """Put one event into a frame: lengths, their checksum, headers, the payload, the checksum of all."""
        payload = json.dumps(body).encode()
        named = {f":{kind}-type": event, ":content-type": "application/json", ":message-type": kind}
        headers = b"".join(
            bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
            for name, value in named.items()
        )
        start = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
        start += struct.pack(">I", zlib.crc32(start))
        return start + headers + payload + struct.pack(">I", zlib.crc32(start + headers + payload))
