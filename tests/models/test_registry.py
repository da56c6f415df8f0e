"""Short names of models."""

from __future__ import annotations

import os
import subprocess
import sys
from ast import literal_eval
from pathlib import Path

import pytest

import codeling
from codeling import LocalModel, OpenAIModel
from codeling.errors import UnknownName, UsageError
from codeling.models.registry import ADAPTERS, model_from
from codeling.testing import ScriptedModel


def test_short_names() -> None:
    """A prefix and a name stand for an adapter's model; what is a model already stays as it is."""
    scripted = ScriptedModel([])
    named = model_from("openai:gpt-5")
    local = model_from("local:smollm2-135m")

    assert isinstance(named, OpenAIModel)
    assert named.name == "gpt-5"
    assert isinstance(local, LocalModel)
    assert local.name == "smollm2-135m"
    assert model_from("local").name == "qwen2.5-coder-1.5b"
    assert model_from("hf:org/model:cheapest").name == "org/model:cheapest"
    assert model_from(scripted) is scripted


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("opanai:gpt-5", "'opanai:gpt-5'.*did you mean 'openai'"),
        ("gpt-5", "'hf:…'.*'local'.*'openai:…'"),
        ("", "''"),
        ("local:qwen2.5-coder-15b", "did you mean 'qwen2.5-coder-1.5b'"),
    ],
)
def test_unknown_names(spec: str, words: str) -> None:
    """A name that nobody knows is an error that lists what there is and what may have been meant."""
    with pytest.raises(UnknownName, match=words):
        model_from(spec)


def test_no_model() -> None:
    """Something that is no model is refused by what it lacks."""
    with pytest.raises(UsageError, match="`reply`"):
        model_from(None)  # type: ignore[arg-type]


def test_loading() -> None:
    """Naming one model imports its adapter alone, and no adapter imports its library before the first reply."""
    code = """
import sys
from codeling.models.registry import model_from
print([name for name in sys.modules if name.startswith("codeling.models.")])
model_from("openai:gpt-5")
import codeling.models.local, codeling.models.inference_client, codeling.models.anthropic, codeling.models.azure
import codeling.models.bedrock, codeling.models.google, codeling.models.litellm, codeling.models.ollama
import codeling.models.served, codeling.models.transformers, codeling.models.recorded, codeling.models.wrappers
print([name for name in sys.modules if name.partition(".")[0] not in (*sys.stdlib_module_names, "codeling")])
"""
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    first, foreign = run.stdout.splitlines()

    assert first == "['codeling.models.registry']"
    assert {"openai", "xllamacpp", "torch", "httpx", "pydantic", "litellm"} & set(literal_eval(foreign)) == set()


@pytest.mark.parametrize(
    ("spec", "command"),
    [
        ("openai:gpt-5", "codeling[openai]"),
        ("hf:org/model", "codeling[hub]"),
        ("local:{junk}", "codeling[local]"),
        ("anthropic:claude", "codeling[anthropic]"),
        ("azure:mine", "codeling[openai]"),
        ("bedrock:m", "codeling[bedrock]"),
        ("google:gemini", "codeling[google]"),
        ("litellm:a/b", "codeling[litellm]"),
        ("ollama:m", "codeling[ollama]"),
        ("transformers:m", "codeling[transformers]"),
        ("vllm:m", "codeling[vllm]"),
        ("mlx:m", "codeling[mlx]"),
    ],
)
def test_missing_library(spec: str, command: str, tmp_path: Path) -> None:
    """Without its library a model's first reply says what to install."""
    junk = tmp_path / "junk.gguf"
    junk.touch()
    code = f"""
import asyncio
from codeling.errors import MissingDependency
from codeling.messages import Message, Request
from codeling.models.registry import model_from
try:
    asyncio.run(model_from({spec.format(junk=junk)!r}).reply(Request(messages=(Message(role="user", content="hi"),))))
except MissingDependency as error:
    print(error)
"""
    env = {**os.environ, "PYTHONPATH": str(Path(codeling.__file__).parents[1])}
    # Without `site`, no installed library is found.
    run = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, env=env, timeout=30, check=True
    )

    assert f"pip install '{command}'" in run.stdout


def test_table() -> None:
    """Every line of the table names an adapter that is there, and making one needs neither key nor library."""
    for prefix, adapter in ADAPTERS.items():
        assert type(model_from(prefix if adapter.bare else f"{prefix}:m")).__name__ in adapter.path
        if not adapter.bare:
            with pytest.raises(UsageError, match="say which model"):
                model_from(prefix)
