"""Every public model and executor in a saved agent: it comes back as it was made, and no key is in the folder."""

from __future__ import annotations

import inspect
import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import codeling
from codeling import CodeAgent, Prices, UsageError

KEY = "k-very-hidden"
MODELS: Mapping[str, dict[str, Any]] = {
    "AnthropicModel": {"model_id": "a", "api_key": KEY, "max_tokens": 9, "thinking": {"type": "enabled"}},
    "AzureOpenAIModel": {"model_id": "a", "azure_endpoint": "https://x.test", "api_key": KEY, "api_version": "1"},
    "AmazonBedrockModel": {"model_id": "a", "client_kwargs": {"region_name": "eu", "aws_secret_access_key": KEY}},
    "GoogleModel": {"model_id": "a", "api_key": KEY, "timeout": 3.5, "prices": Prices(input=1.0, output=2.0)},
    "InferenceClientModel": {"model_id": "a/b", "token": KEY, "provider": "together", "seed": 3},
    "LiteLLMModel": {"model_id": "openai/a", "api_key": KEY, "temperature": 0.5, "reads_images": False},
    "LiteLLMRouterModel": {
        "model_id": "a",
        "model_list": [{"model_name": "a", "litellm_params": {"model": "openai/a", "api_key": KEY}}],
    },
    "LocalModel": {"model": "smollm2-135m", "context": 512, "seed": 4},
    "OllamaModel": {"model_id": "a", "host": "http://127.0.0.1:1", "api_key": KEY, "retries": 1},
    "OpenAIModel": {"model_id": "a", "api_key": KEY, "grammar": True, "prices": Prices(input=1.0, output=2.0)},
    "RecordedModel": {"path": "here.jsonl", "model": "openai:a"},
    "MLXModel": {"model_id": "a", "api_base": "http://127.0.0.1:1/v1"},
    "VLLMModel": {"model_id": "a", "arguments": ("--max-model-len", "99")},
    "TransformersModel": {"model_id": "a", "max_new_tokens": 7, "device_map": {"": "cpu"}},
    "FallbackModel": {"models": ["openai:a", "anthropic:b"], "rest": 3.0},
    "RateLimitedModel": {"model": "openai:a", "requests_per_minute": 5.0},
}
EXECUTORS: Mapping[str, dict[str, Any]] = {
    "BlaxelExecutor": {"region": "eu", "envs": {"MY_TOKEN": KEY}},
    "CommandExecutor": {"command": ["ssh", "host"], "hint": "h"},
    "DaytonaExecutor": {"api_key": KEY, "target": "eu"},
    "DockerExecutor": {"image": "x", "packages": ("numpy",), "env": {"MY_TOKEN": KEY, "A": "1"}},
    "E2BExecutor": {"api_key": KEY, "template": "t"},
    "JupyterExecutor": {"url": "http://127.0.0.1:1", "token": KEY},
    "ModalExecutor": {"token_id": KEY, "token_secret": KEY, "app": "x"},
    "MontyExecutor": {"memory": 1 << 28, "sessions": 3},
    "PyodideExecutor": {"timeout": 9.0},
    "SandboxExecutor": {"timeout": 9.0, "env": {"MY_TOKEN": KEY, "A": "1"}, "files": {"a.txt": b"x"}},
    "SSHExecutor": {"host": "h", "options": ("-v",)},
    "UnsafeLocalExecutor": {"timeout": 9.0, "env": {"MY_TOKEN": KEY}},
}


def public(room: str) -> set[str]:
    """The public classes of a room, as the table of names has them."""
    stub = Path(codeling.__file__).with_name("__init__.pyi").read_text()
    return set(re.findall(rf"from \.{room}\.\w+ import (\w+)", stub)) - {"Prices"}


def without_keys(value: Any) -> Any:
    """What is left where secrets are left out."""
    if isinstance(value, Mapping):
        return {key: without_keys(item) for key, item in value.items() if item != KEY}
    return [without_keys(item) for item in value] if isinstance(value, list) else value


def arguments(made: Any) -> dict[str, Any]:
    """What an object was made with, by name."""
    args, kwargs = made._made_with
    bound = inspect.signature(type(made)).bind(*args, **kwargs).arguments
    return {name: item for name, given in bound.items() for name, item in _flat(made, name, given)}


def _flat(made: Any, name: str, given: Any) -> list[tuple[str, Any]]:
    kind = inspect.signature(type(made)).parameters[name].kind
    return list(given.items()) if kind is inspect.Parameter.VAR_KEYWORD else [(name, given)]


def test_every_public_part_is_here() -> None:
    """A model or an executor that is added is saved in a test too."""
    assert set(MODELS) == public("models")
    assert set(EXECUTORS) == public("executors")


@pytest.mark.parametrize("name", [*MODELS, *EXECUTORS])
def test_a_part_comes_back_as_it_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """With trust it is made again of the same arguments but for the keys; without, it is that or a clear refusal."""
    monkeypatch.chdir(tmp_path)
    Path("here.jsonl").touch()
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HF_TOKEN", "GOOGLE_API_KEY", "OLLAMA_API_KEY"):
        monkeypatch.setenv(variable, KEY)
    given = {**MODELS, **EXECUTORS}[name]
    made = getattr(codeling, name)(**given)
    field = "model" if name in MODELS else "executor"
    fields: dict[str, Any] = {"model": "openai:a", field: made}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        CodeAgent([], **fields).save(tmp_path / "agent")
    again = getattr(CodeAgent.from_folder(tmp_path / "agent", trust_remote_code=True), field)

    assert type(again) is type(made)
    assert arguments(again) == without_keys(given)
    assert not any(KEY in path.read_text() for path in (tmp_path / "agent").rglob("*") if path.is_file())
    assert (KEY in str(given)) == any("secrets are not saved" in str(warning.message) for warning in told)
    try:
        walled = getattr(CodeAgent.from_folder(tmp_path / "agent"), field)
    except UsageError as error:
        assert "trust_remote_code=True" in str(error) or "your key" in str(error)
    else:
        assert arguments(walled) == without_keys(given)


def test_parts_within_parts_are_saved(tmp_path: Path) -> None:
    """Models of models keep what each was made with, and the app is told of every library that they need."""
    inner = codeling.RateLimitedModel(codeling.AnthropicModel("b", api_key=KEY), tokens_per_minute=9.0)
    model: Any = codeling.FallbackModel([codeling.OpenAIModel("a", temperature=0.5), inner, "hf:a/b"])
    with pytest.warns(UserWarning, match="secrets are not saved"):
        CodeAgent([], model).save(tmp_path)
    again: Any = CodeAgent.from_folder(tmp_path, trust_remote_code=True).model
    models = again._made_with[0][0] if again._made_with[0] else again._made_with[1]["models"]

    assert arguments(models[0]) == {"model_id": "a", "temperature": 0.5}
    assert arguments(arguments(models[1])["model"]) == {"model_id": "b"}
    assert models[2] == "hf:a/b"
    needed = (tmp_path / "requirements.txt").read_text()
    assert all(extra in needed for extra in ("anthropic", "openai", "hub", "gradio"))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("JupyterExecutor", {"url": "http://127.0.0.1:1/?token=0123456789abcdef"}),
        ("OllamaModel", {"model_id": "a", "host": "http://me:hidden@127.0.0.1:1"}),
        ("VLLMModel", {"model_id": "a", "arguments": ["--api-key", "hidden"]}),
        ("VLLMModel", {"model_id": "a", "arguments": ("--hf-token=hidden",)}),
    ],
)
def test_a_key_within_a_text_is_refused(tmp_path: Path, name: str, given: dict[str, Any]) -> None:
    """In an address, or among the arguments of a command: nothing is written, and the place is named."""
    field = "model" if name in MODELS else "executor"
    fields: dict[str, Any] = {"model": "openai:a", field: getattr(codeling, name)(**given)}

    with pytest.raises(UsageError, match=rf"{field}\.\w+ holds"):
        CodeAgent([], **fields).save(tmp_path / "agent")
    assert not (tmp_path / "agent").exists() or not json.dumps([*map(str, (tmp_path / "agent").iterdir())]).count(
        ".json"
    )
