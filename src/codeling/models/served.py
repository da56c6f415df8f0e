"""Models that a library's own server runs, started here as a process of its own: vLLM and MLX.

The server listens on loopback and ends with the model or with this process, however that ends. vLLM's
stands behind a key that is made for it; MLX's takes none, so every process of that machine can reach it.
It is spoken to as any server of OpenAI's dialect is.

Both are tested with the real library, on a processor without an accelerator and with small weights.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, ClassVar
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from ..errors import MissingDependency, ModelError
from ..messages import Request
from .answer import Answer
from .chat import Wire
from .openai import OpenAIModel

__all__ = ("MLXModel", "ServedModel", "VLLMModel")

_GRACE = 10.0
_WATCH = f"""
import os, signal, subprocess, sys, threading
own = {{"process_group": 0}} if os.name == "posix" else {{}}
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, **own)

def watch():
    sys.stdin.buffer.read()
    server.terminate()
    try:
        server.wait({_GRACE})
    except subprocess.TimeoutExpired:
        server.kill()

threading.Thread(target=watch, daemon=True).start()
code = server.wait()
if own:
    try:
        os.killpg(server.pid, signal.SIGKILL)
    except OSError:
        pass
os._exit(code if code >= 0 else 128 - code)
"""
"""Runs the server until our end of its input closes, as it does however this process ends; Ctrl-C reaches neither."""


class ServedModel(OpenAIModel):
    """A model behind a server that `command` starts; `{python}`, `{model}`, `{port}` and `{key}` are filled in.

    `start_timeout` is how many seconds it may take until it answers, loading included. `python` is the
    interpreter of the environment that holds the server's library, by default this one. With `api_base`
    nothing is started: it is the address of a server that runs already.
    """

    library: ClassVar[str | None] = None
    """The module that has to be installed."""

    def __init__(
        self, model_id: str, *, command: Sequence[str] = (), api_base: str | None = None,
        python: str | os.PathLike[str] = sys.executable, environment: Mapping[str, str] | None = None,
        start_timeout: float = 900.0, **options: Any,
    ) -> None:  # fmt: skip
        self._python = str(python)
        self._command, self._environment, self._start_timeout = tuple(command), dict(environment or {}), start_timeout
        self._starts = api_base is None
        if self._starts:
            options["api_key"] = secrets.token_hex(16)
        super().__init__(model_id, api_base=api_base, **options)
        self._starting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ending: Callable[[], object] | None = None

    def _sold_by(self) -> str | None:
        return None

    def close(self) -> None:
        """End the server. The next reply starts another."""
        self._process = None
        if self._ending is not None:
            self._ending()

    async def _attempt(self, answer: Answer, /) -> None:
        if self._starts and (self._process is None or self._process.poll() is not None):
            await asyncio.to_thread(self._start)
        await super()._attempt(answer)

    def _start(self) -> None:
        with self._starting:
            if self._process is not None and self._process.poll() is None:
                return
            self._require_library()
            port = _free_port()
            filled = [self._filled(part, port) for part in self._command]
            log = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as the process
            self._process = subprocess.Popen(
                [sys.executable, "-c", _WATCH, *filled], stdin=subprocess.PIPE, stdout=log, stderr=log,
                env=os.environ | self._environment, process_group=0 if os.name == "posix" else None,
            )  # fmt: skip
            self._ending = weakref.finalize(self, _end, self._process, log)
            self._base = f"http://127.0.0.1:{port}/v1"
            self._clients = type(self._clients)(self._connect, self._clients._close)
            self._await(self._process, port, log)

    def _require_library(self) -> None:
        here = self._python == sys.executable
        if here and self.library and importlib.util.find_spec(self.library) is None:
            raise MissingDependency(
                f"this model needs {self.library!r}: pip install 'codeling[{self.extra}]', or pass python=… of an "
                "environment that has it"
            )

    def _filled(self, part: str, port: int) -> str:
        named = {"python": self._python, "model": self.name, "port": str(port), "key": self._key or ""}
        for name, value in ((f"{{{name}}}", value) for name, value in named.items()):
            part = part.replace(name, value)
        return part

    def _await(self, process: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
        deadline = time.monotonic() + self._start_timeout
        while time.monotonic() < deadline:
            if process.poll() is not None:
                log.seek(0)
                said = log.read().decode(errors="replace").strip().splitlines()[-8:]
                log.close()
                raise ModelError(f"the server of {self.name!r} ended with {process.returncode}: {' | '.join(said)}")
            if _answers(port):
                return
            time.sleep(0.1)
        _end(process, log)
        raise ModelError(f"the server of {self.name!r} did not answer within {self._start_timeout:g} s")


class VLLMModel(ServedModel):
    """A model that vLLM serves, started here or running at `api_base`.

    `arguments` go to `vllm serve`, such as `["--max-model-len", "16384"]`. `tool_parser` is the name under
    which vLLM knows how the model writes tool calls, such as `"hermes"`; without it a model that is started
    here is shown how to write them as JSON.
    """

    extra = "vllm"
    library = "vllm"

    def __init__(
        self, model_id: str, *, arguments: Sequence[str] = (), tool_parser: str | None = None, **options: Any
    ) -> None:
        server = ["{python}", "-m", "vllm.entrypoints.openai.api_server"]
        place = ["--host", "127.0.0.1", "--port", "{port}", "--model", "{model}"]
        parsing = ["--enable-auto-tool-choice", "--tool-call-parser", tool_parser] if tool_parser else []
        if options.get("api_base") is None:
            options.setdefault("calls_natively", tool_parser is not None or "--tool-call-parser" in arguments)
        # The key goes by the environment: a command line can be read by every process of the machine.
        super().__init__(model_id, command=[*server, *place, *parsing, *arguments], **options)
        self._environment = {"VLLM_API_KEY": self._key or "", **self._environment}

    def _body(self, request: Request, *, streamed: bool) -> Wire:
        body = super()._body(request, streamed=streamed)
        if request.grammar is not None:
            body["structured_outputs"] = {"grammar": request.grammar}
        return body


class MLXModel(ServedModel):
    """A model that mlx-lm serves, started here or at `api_base`: on Apple silicon, and on Linux with MLX for it.

    `arguments` go to `mlx_lm server`. A model whose chat template knows no tools is told of none by that
    server, without a word: `calls_natively=True` says that the template does.
    """

    extra = "mlx"
    library = "mlx_lm"

    def __init__(self, model_id: str, *, arguments: Sequence[str] = (), **options: Any) -> None:
        server = ["{python}", "-m", "mlx_lm", "server", "--model", "{model}"]
        options.setdefault("calls_natively", False)
        super().__init__(model_id, command=[*server, "--host", "127.0.0.1", "--port", "{port}", *arguments], **options)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
            return True
    except HTTPError as error:
        with error:
            return error.code != 503  # it is there, and has no such page or wants its key; 503 is still loading
    except (URLError, OSError):
        return False


def _end(process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    assert process.stdin is not None  # as it was started
    process.stdin.close()
    try:
        process.wait(2 * _GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    log.close()
