"""Models in this process by Hugging Face's transformers, on PyTorch: text, or text and pictures.

One reply is made at a time; it is written in a thread and stops at the next token when it is
cancelled. Tools are put into the model's chat template; its calls come as text and are read as such.
"""

from __future__ import annotations

import io
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from ..errors import ContextOverflow, MissingDependency, ModelError
from ..lookup import Recorded
from ..messages import Message, Reply, Request, Usage
from ..protocols import OnDelta
from .answer import Answer
from .chat import Wire, body_from
from .support import needed, pieces

__all__ = ("TransformersModel",)


class TransformersModel(Recorded):
    """A model from the Hugging Face Hub or a folder, run here by transformers.

    `vision=True` loads one that reads pictures. `device_map` and `model_kwargs` are those of
    `from_pretrained`, such as `model_kwargs={"gguf_file": "model.gguf"}`; `parameters` go to
    `generate`, such as `temperature=0.7, do_sample=True`. Without them the likeliest token is taken.
    `calls_natively` says whether the model's chat template knows tools; by default it is looked at.
    """

    def __init__(
        self,
        model_id: str = "HuggingFaceTB/SmolLM2-1.7B-Instruct",
        *,
        vision: bool = False,
        device_map: str | Mapping[str, Any] | None = None,
        dtype: str = "auto",
        trust_remote_code: bool = False,
        max_new_tokens: int = 4096,
        model_kwargs: Mapping[str, Any] | None = None,
        apply_chat_template_kwargs: Mapping[str, Any] | None = None,
        calls_natively: bool | None = None,
        **parameters: Any,
    ) -> None:
        self.name = model_id
        """The model's name on the Hub, or its folder."""
        self.reads_images = vision
        """Whether it was loaded as one that reads pictures."""
        self._most = max_new_tokens
        self._options = {"trust_remote_code": trust_remote_code, **(model_kwargs or {})}
        self._placing = {"device_map": device_map, "dtype": dtype}
        self._template = dict(apply_chat_template_kwargs or {})
        self._parameters: Wire = {"do_sample": False, **parameters}
        self._natively = calls_natively
        self._lock, self._opening = threading.Lock(), threading.Lock()
        self._loaded: tuple[Any, Any] | None = None
        self._read_by: Any = None

    @property
    def calls_natively(self) -> bool:
        """Whether its chat template knows tools: one that does not would leave them out without a word."""
        if self._natively is None:
            self._natively = "tools" in str(getattr(self._reader(), "chat_template", ""))
        return self._natively

    async def reply(self, request: Request, /, *, on_delta: OnDelta | None = None) -> Reply:
        """Answer the conversation; see `Model.reply`."""
        if any(message.audio for message in request.messages):
            raise ModelError(f"{type(self).__name__} takes no sound; transcribe it, or use a model that hears")
        if not self.reads_images and any(message.images for message in request.messages):
            raise ModelError(f"the model {self.name!r} does not read pictures; pass vision=True if it does")
        answer, stop = Answer(request, on_delta), threading.Event()
        work: Callable[[Any], None] = lambda tell: self._work(request, tell, stop)  # noqa: E731  # it has a type
        told: AsyncGenerator[str | Usage] = pieces(work, stop=stop.set, wait=True)
        async with aclosing(told) as parts:
            async for part in parts:
                if isinstance(part, str):
                    answer.say(part)
                else:
                    answer.usage, answer.model = part, self.name
                    answer.finish = "length" if part.output_tokens >= self._limit(request) else "stop"
                if answer.stopped:
                    break
        return answer.reply()

    def _limit(self, request: Request) -> int:
        return self._most if request.max_tokens is None else request.max_tokens

    def _work(self, request: Request, tell: Callable[[str | Usage], bool], stop: threading.Event) -> None:
        library, torch = needed("transformers", extra="transformers"), needed("torch", extra="transformers")
        with self._lock:
            if stop.is_set():
                return
            model, reader = self._loaded = self._loaded or self._load(torch)
            inputs = self._inputs(request, reader, model)
            asked = int(inputs["input_ids"].shape[1])
            most = getattr(model.config.get_text_config(), "max_position_embeddings", None)
            if most and asked >= most:
                raise ContextOverflow(f"{self.name}: the conversation has {asked} tokens, the model reads {most}")

            class Teller(library.TextStreamer):  # type: ignore[name-defined, misc]  # the library's, known only now
                def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
                    if text:
                        tell(text)

            tokens = getattr(reader, "tokenizer", reader)
            halt = library.StoppingCriteriaList([_Halt(stop, torch)])
            written = model.generate(
                **inputs, max_new_tokens=self._limit(request), stopping_criteria=halt,
                streamer=Teller(tokens, skip_prompt=True, skip_special_tokens=True), **self._parameters,
            )  # fmt: skip
            tell(Usage(input_tokens=asked, output_tokens=int(written.shape[1]) - asked))

    def _reader(self) -> Any:
        """Give the tokenizer, or what reads pictures and text."""
        library = needed("transformers", extra="transformers")
        with self._opening:
            if self._read_by is None:
                kind = library.AutoProcessor if self.reads_images else library.AutoTokenizer
                self._read_by = self._opened(kind)
            return self._read_by

    def _opened(self, kind: Any, **more: Any) -> Any:
        try:
            return kind.from_pretrained(self.name, **more, **self._options)
        except ImportError as error:  # of what this kind of file needs besides, such as `gguf`
            words = " ".join(str(error).split())
            raise MissingDependency(f"transformers cannot load {self.name!r} without more: {words}") from error
        except (OSError, ValueError) as error:
            raise ModelError(f"transformers cannot load {self.name!r}: {error}") from error

    def _load(self, torch: Any) -> tuple[Any, Any]:
        library, reader = needed("transformers", extra="transformers"), self._reader()
        kind = library.AutoModelForImageTextToText if self.reads_images else library.AutoModelForCausalLM
        model = self._opened(kind, **{name: value for name, value in self._placing.items() if value is not None})
        if self._placing["device_map"] is None and torch.cuda.is_available():
            model.to("cuda")
        return model.eval(), reader

    def _inputs(self, request: Request, reader: Any, model: Any) -> Any:
        tools = body_from(request).get("tools")
        talk = [_said(message, parts=self.reads_images) for message in request.messages]
        options = {"add_generation_prompt": True, "tokenize": True, "return_dict": True, "return_tensors": "pt"}
        try:
            inputs = reader.apply_chat_template(talk, tools=tools, **options, **self._template)
        except (ValueError, TypeError) as error:
            raise ModelError(f"{self.name}: its chat template does not take this conversation: {error}") from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "jinja2":  # a template may raise what it likes
                raise
            raise ModelError(f"{self.name}: its chat template does not take this conversation: {error}") from error
        return inputs.to(model.device)


class _Halt:
    """Ends the writing at the next token."""

    def __init__(self, stop: threading.Event, torch: Any) -> None:
        self._stop, self._torch = stop, torch

    def __call__(self, tokens: Any, scores: Any, **rest: Any) -> Any:
        return self._torch.full((tokens.shape[0],), self._stop.is_set(), dtype=self._torch.bool, device=tokens.device)


def _said(message: Message, *, parts: bool) -> Wire:
    wire: Wire = {"role": message.role, "content": message.content}
    if parts:
        shown = [{"type": "image", "image": _picture(image.data)} for image in message.images]
        wire["content"] = [*shown, {"type": "text", "text": message.content}]
    if message.calls:
        wire["tool_calls"] = [
            {"type": "function", "id": call.id, "function": {"name": call.name, "arguments": dict(call.kwargs)}}
            for call in message.calls
        ]
    return wire


def _picture(data: bytes) -> Any:
    try:
        return needed("PIL.Image", extra="transformers").open(io.BytesIO(data)).convert("RGB")
    except OSError as error:
        raise ModelError(f"a picture in the conversation cannot be read: {error}") from error
