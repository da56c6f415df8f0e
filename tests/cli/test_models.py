"""`codeling models`: each adapter with what it needs here."""

from __future__ import annotations

import json

import pytest

from codeling.cli import main

Capsys = pytest.CaptureFixture[str]


def test_models_say_what_they_need(capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every adapter is there with its extra and what is missing, a library or a key; and the local models by name."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert main(["models"]) == 0
    said = capsys.readouterr().out
    lines = {line.split(":")[0].split()[0]: line for line in said.splitlines() if line}

    assert "set OPENAI_API_KEY" in lines["openai"]
    assert lines["local"].startswith("local")
    assert lines["NAME"].split() == ["NAME", "EXTRA", "HERE", "WHAT", "IT", "IS"]
    assert [lines[name].split()[1] for name in ("azure", "hf", "mlx")] == ["[openai]", "[hub]", "[mlx]"]
    assert lines["litellm"].split()[2] == "usable"
    assert "local:smollm2-135m" in said
    assert lines.keys() >= {
        "anthropic",
        "azure",
        "bedrock",
        "google",
        "hf",
        "litellm",
        "ollama",
        "transformers",
        "vllm",
    }


def test_models_as_json(capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --json the same is there for programs, and a key is never in it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-never-shown")
    assert main(["models", "--json"]) == 0
    text = capsys.readouterr().out
    found = {one["name"]: one for one in json.loads(text)}

    assert (
        found["openai:MODEL"].items() >= {"extra": "openai", "installed": True, "usable": True, "missing": ""}.items()
    )
    assert found["local"]["class"] == "LocalModel"
    assert "sk-never-shown" not in text
    monkeypatch.setenv("OPENAI_API_KEY", "")
    main(["models", "--json"])
    unset = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert (unset["openai:MODEL"]["usable"], unset["openai:MODEL"]["missing"]) == (False, "set OPENAI_API_KEY")
