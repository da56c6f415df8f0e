"""A model in this process: a GGUF file run by llama.cpp, with no server, account or key.

One engine for each file and settings is loaded in a process and shared by every `LocalModel` that
asks for it; its replies are made one after the other. Never prints: llama.cpp is told to be quiet.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from ..errors import ModelError, UsageError
from ..lookup import Recorded
from ..messages import Reply, Request
from ..protocols import OnDelta
from . import weights
from .answer import Answer, Incomplete
from .chat import Wire, body_from, take, without_thoughts
from .retry import Transient, failure
from .support import needed, settled, warmed, worked

__all__ = ("LocalModel",)

_BATCH = 128
"""Tokens of a prompt that are read at once: as quick as more, and a cancelled reply ends between two."""
_HOST_CACHE_MIB = 512
_SHARED_LOCK = threading.Lock()


class LocalModel(Recorded):
    """A GGUF model in this process: a known name, or the path of a file.

    A known name's weights are fetched when they are first needed; `codeling.models.weights` says
    from where and to where. With temperature 0 the same conversation gets the same reply. `grammar=True`
    holds a code agent's replies to one thought and one program: the smallest models gain by it.
    """

    def __init__(
        self,
        model: str = "qwen2.5-coder-1.5b",
        *,
        path: str | os.PathLike[str] | None = None,
        context: int = 8192,
        threads: int | None = None,
        temperature: float = 0.0,
        max_tokens: int = 1024,
        seed: int = 0,
        grammar: bool = False,
    ) -> None:
        self.name = model if path is None and model in weights.KNOWN else Path(path or model).stem
        """The model's short name, or its file's."""
        self._path = Path(path) if path is not None else weights.find(model)
        if self._path is not None and not self._path.is_file():
            raise UsageError(f"there is no model file at {str(self._path)!r}; give the path of a .gguf file")
        self._settings = (context, threads or _processors())
        self._parameters: Wire = {"temperature": temperature, "max_tokens": max_tokens, "seed": seed}
        self.takes_grammar = grammar
        """Whether a code agent's replies are held to a grammar."""
        self._engine: _Engine | None = None

    @property
    def reads_images(self) -> bool:
        """False: the weights here read text."""
        return False

    @property
    def calls_natively(self) -> bool:
        """False: the templates of the weights here know of no tool calls."""
        return False

    async def reply(self, request: Request, /, *, on_delta: OnDelta | None = None) -> Reply:
        """Answer the conversation; see `Model.reply`."""
        if any(message.images or message.audio for message in request.messages):
            raise ModelError(
                f"the local model {self.name!r} reads text only; use a model that takes pictures and sound"
            )
        engine = await self._loaded()
        answer = Answer(request, on_delta)
        try:
            async with aclosing(engine.converse(self._body(request))) as chunks:
                async for chunk in chunks:
                    if take(answer, self._checked(chunk)):
                        break
            return answer.reply()
        except Incomplete as error:
            raise ModelError(f"{self.name}: {error}") from error

    async def _loaded(self) -> _Engine:
        if self._engine is None:
            if self._path is None:
                stop = threading.Event()
                self._path = await worked(None, lambda: weights.fetch(self.name, stop=stop), stop=stop)
            self._engine = _shared(self._path, *self._settings)
        return self._engine

    def _body(self, request: Request) -> Wire:
        body = (
            warmed(self._parameters, request)
            | without_thoughts(body_from(request))
            | {"stream": True, "stream_options": {"include_usage": True}}
        )
        if request.grammar is not None:
            body["grammar"] = request.grammar
        return body | {"cache_prompt": True, "return_progress": True}

    def _checked(self, chunk: Mapping[str, Any]) -> Mapping[str, Any]:
        error = chunk.get("error")
        if isinstance(error, Mapping):
            trouble = failure(self.name, str(error.get("message") or error), status=int(error.get("code") or 500))
            raise trouble.error if isinstance(trouble, Transient) else trouble
        return chunk


class _Engine:
    """One loaded file, the thread that works for it, and the queue in front of both."""

    def __init__(self, path: Path, context: int, threads: int) -> None:
        self._path, self._context, self._threads = path, context, threads
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="codeling-local")
        self._server: Any = None

    async def converse(self, body: Wire) -> AsyncGenerator[Mapping[str, Any]]:
        """Give the pieces of one reply; when it is closed before its end, the engine stops working on it."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()
        stop = threading.Event()

        def tell(piece: Mapping[str, Any] | None) -> bool:
            try:
                loop.call_soon_threadsafe(pieces.put_nowait, piece)
            except RuntimeError:  # The loop was closed over our head: nobody listens any more.
                stop.set()
            return stop.is_set()

        job = self._thread.submit(self._work, body, tell, stop)
        job.add_done_callback(lambda _: tell(None))
        try:
            while (piece := await pieces.get()) is not None:
                yield piece
            job.result()
        finally:
            stop.set()
            if not job.cancel():
                await settled(job)

    def _work(self, body: Wire, tell: Any, stop: threading.Event) -> None:
        if self._server is None:
            self._server = self._load()
        if stop.is_set():
            return
        try:
            self._server.handle_chat_completions(body, tell)
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"llama.cpp could not answer: {error}") from error

    def _load(self) -> Any:
        library = needed("xllamacpp", extra="local")
        try:
            return library.Server(self._params(library.CommonParams()))
        except RuntimeError as error:
            size = f"{self._path.stat().st_size / 1e9:.2f} GB" if self._path.is_file() else "missing"
            raise ModelError(
                f"llama.cpp cannot load {str(self._path)!r} ({size}): it is no GGUF file that this version of "
                f"xllamacpp knows, or the memory does not suffice for it and a context of {self._context} tokens"
            ) from error

    def _params(self, params: Any) -> Any:
        params.model.path = str(self._path)
        params.model_alias = {self._path.stem}
        params.n_ctx = self._context
        params.n_parallel = 1
        params.n_batch = params.n_ubatch = _BATCH
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self._threads
        params.cache_ram_mib = _HOST_CACHE_MIB
        params.use_jinja = True
        params.offline = True
        params.verbosity = -1
        # The library also listens on a loopback port, which nobody else on this machine may use.
        params.api_keys = [secrets.token_hex(32)]
        params.ui = params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = False
        params.n_threads_http = 1
        return params


_SHARED: WeakValueDictionary[tuple[Path, int, int], _Engine] = WeakValueDictionary()


def _shared(path: Path, context: int, threads: int) -> _Engine:
    """Give the process's one engine for these settings; it is unloaded with the last model that holds it."""
    key = (path.resolve(), context, threads)
    with _SHARED_LOCK:
        engine = _SHARED.get(key)
        if engine is None:
            engine = _SHARED[key] = _Engine(*key)
        return engine


def _processors() -> int:
    """Count the processors to use: all but one, for llama.cpp crawls where another program wants one of its own."""
    return max(1, _available() - 1)


def _available() -> int:
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(here, int(quota) // int(period), 8))
    except (OSError, ValueError):
        return min(here, 8)
