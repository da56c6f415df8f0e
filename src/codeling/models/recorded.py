"""A model that keeps its exchanges in a file and gives them again, so that a test needs no provider.

A line of the file is one exchange as JSON: a key, what was asked in short, and the reply with the
pieces in which it came. A request holds no key of a provider's, so neither does the file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

from ..errors import ModelError, UsageError
from ..lookup import Recorded
from ..messages import Delta, Message, Reply, Request, ToolCall, Usage
from ..protocols import Model, OnDelta
from .registry import model_from

__all__ = ("RecordedModel",)

_SHOWN = 80
_TRAITS = {"reads_images": True, "calls_natively": True, "takes_grammar": False}
"""What forms of action are chosen by, and what holds of a model that does not say."""


class RecordedModel(Recorded):
    """Replays the exchanges in the file at `path`; what is not in it is asked of `model`, and stored.

    Without a `model` nothing is ever asked: a request that the file does not hold is a `ModelError`.
    An equal request that was made several times gets its replies in their order, and then the last
    one again. Replies are equal to the recorded ones in all but their cost in time.
    """

    def __init__(self, path: str | os.PathLike[str], model: Model | str | None = None) -> None:
        self._path = Path(path)
        self._model = None if model is None else model_from(model)
        self._lock = Lock()
        self._given: Counter[str] = Counter()
        self._held: dict[str, list[Mapping[str, Any]]] = {}
        self._traits: Mapping[str, Any] = {}
        if self._path.exists():
            # Not `splitlines`: texts hold what it, and not JSON, takes for the end of a line.
            for number, line in enumerate(self._path.read_text(encoding="utf-8").split("\n"), 1):
                if line.strip():
                    self._hold(line, number)
        elif model is None:
            raise UsageError(f"there is no file {str(self._path)!r} to replay; pass a model to record one")

    @property
    def name(self) -> str:
        """The model's own name, or the file's where there is no model."""
        return self._model.name if self._model else self._path.stem

    @property
    def reads_images(self) -> bool:
        """Whether the model reads pictures, or the one that was recorded did."""
        return self._trait("reads_images")

    @property
    def calls_natively(self) -> bool:
        """Whether the model makes tool calls by itself, or the one that was recorded did."""
        return self._trait("calls_natively")

    @property
    def takes_grammar(self) -> bool:
        """Whether the model holds replies to a grammar, or the one that was recorded did."""
        return self._trait("takes_grammar")

    async def reply(self, request: Request, /, *, on_delta: OnDelta | None = None) -> Reply:
        """Give the recorded reply, or ask for one and record it; see `Model.reply`."""
        key = _key(request)
        with self._lock:
            held, turn = self._held.get(key, []), self._given[key]
            self._given[key] += 1
        if held and (turn < len(held) or self._model is None):
            return _replayed(held[min(turn, len(held) - 1)], on_delta)
        if self._model is None:
            last = request.messages[-1].content if request.messages else ""
            raise ModelError(
                f"{str(self._path)!r} holds no reply to this request, which ends with {last[-_SHOWN:]!r}; "
                "record it again with a model"
            )
        return await self._record(key, request, on_delta)

    def _trait(self, name: str) -> bool:
        """It has to be the same when it is replayed: another form asks in other words."""
        usual = _TRAITS[name]
        return bool(getattr(self._model, name, usual) if self._model else self._traits.get(name, usual))

    async def _record(self, key: str, request: Request, on_delta: OnDelta | None) -> Reply:
        assert self._model is not None
        deltas: list[Delta] = []

        def hear(delta: Delta) -> None:
            deltas.append(delta)
            if on_delta is not None:
                on_delta(delta)

        reply = await self._model.reply(request, on_delta=None if on_delta is None else hear)
        asked = [f"{message.role}: {message.content[:_SHOWN]}" for message in request.messages[-2:]]
        exchange = {
            "key": key, "asked": asked, "of": {name: self._trait(name) for name in _TRAITS}, "reply": asdict(reply),
            "deltas": [[d.kind, d.text] for d in deltas],
        }  # fmt: skip
        with self._lock:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(exchange, ensure_ascii=False) + "\n")
            self._held.setdefault(key, []).append(exchange)
        return reply

    def _hold(self, line: str, number: int) -> None:
        try:
            exchange = json.loads(line)
            _reply(exchange)
            self._traits = dict(exchange.get("of") or {})
            self._held.setdefault(exchange["key"], []).append(exchange)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"line {number} of {str(self._path)!r} is no recorded exchange: {error}") from None


def _key(request: Request) -> str:
    """Give a text that is the same for equal requests, in every process."""
    asked = {
        "messages": [_plain(message) for message in request.messages],
        "tools": [asdict(tool) for tool in request.tools],
        "stop": list(request.stop), "schema": request.schema, "grammar": request.grammar, "max": request.max_tokens,
    }  # fmt: skip
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _plain(message: Message) -> dict[str, Any]:
    files = [image.data for image in message.images] + [sound.data for sound in message.audio]
    media = [hashlib.sha256(data).hexdigest() for data in files]
    calls = [[call.id, call.name, list(call.args), dict(call.kwargs)] for call in message.calls]
    return {"role": message.role, "text": message.content, "media": media, "calls": calls, "of": message.call_id}


def _replayed(exchange: Mapping[str, Any], on_delta: OnDelta | None) -> Reply:
    reply = _reply(exchange)
    if on_delta is not None:
        for kind, text in exchange.get("deltas") or [["reasoning", reply.reasoning], ["text", reply.content]]:
            if text:
                on_delta(Delta(kind=kind, text=text))
    return reply


def _reply(exchange: Mapping[str, Any]) -> Reply:
    stored = dict(exchange["reply"])
    calls = tuple(ToolCall(**{**call, "args": tuple(call.get("args") or ())}) for call in stored.pop("calls"))
    return Reply(calls=calls, usage=Usage(**stored.pop("usage")), **stored)
