"""Models behind a server that is started for them, with llama.cpp's server in the place of vLLM's and MLX's."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from codeling.errors import ModelError
from codeling.messages import Message, Reply, Request
from codeling.models.served import ServedModel

SERVER = """
import sys, time, xllamacpp
path, port, key = sys.argv[1:]
params = xllamacpp.CommonParams()
params.model.path, params.port, params.api_keys = path, int(port), [key]
params.n_ctx, params.n_parallel, params.verbosity = 512, 1, -1
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.offline, params.ui = True, False
server = xllamacpp.Server(params)
time.sleep(600)
"""


def ask(model: ServedModel) -> Reply:
    """Ask for two tokens."""
    request = Request(messages=(Message(role="user", content="Hello?"),), max_tokens=2)
    return asyncio.run(model.reply(request))


def test_a_server_is_started_asked_and_ended(gguf: Path) -> None:
    """It is started by the first reply, behind a key of its own, serves the next ones, and ends with the model."""
    model = ServedModel(str(gguf), command=[sys.executable, "-c", SERVER, "{model}", "{port}", "{key}"])
    assert ask(model).usage.output_tokens == 2
    process = model._process
    assert process is not None
    assert ask(model).usage.output_tokens == 2
    assert model._process is process
    model.close()
    assert process.poll() is not None


def test_a_server_ends_with_the_process_that_started_it() -> None:
    """Also where that is killed outright and can end nothing: a model in memory is not left behind."""
    code = """
import os, signal, sys, threading, time
from codeling.models.served import ServedModel
serve = "import http.server as h, socketserver as s, sys; s.TCPServer(('127.0.0.1', int(sys.argv[1])), h.BaseHTTPRequestHandler).serve_forever()"
model = ServedModel("m", command=[sys.executable, "-c", serve, "{port}"])
model._start()
print(model._base, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.returncode == -9
    port = int(run.stdout.split(":")[2].partition("/")[0])
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return
        time.sleep(0.1)
    pytest.fail("the server is still there")


def test_a_server_that_does_not_start_says_why() -> None:
    """Its last words are in the error."""
    model = ServedModel("m", command=[sys.executable, "-c", "raise SystemExit('no accelerator found')"])
    with pytest.raises(ModelError, match=r"ended with 1.*no accelerator found"):
        ask(model)
