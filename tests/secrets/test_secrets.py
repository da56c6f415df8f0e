"""A secret is used by tools and models, and found nowhere: every place where it could be is searched."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from codeling import CodeAgent, Event, ModelError, Secret, tool
from codeling.cli.answers import event_text
from codeling.testing import ScriptedModel
from tests.core.helpers import program

TEXT = "sk-Zq7-very-secret-0042"
used: list[str] = []


def make(*replies: Any, token: str, journal: str, observer: Any = None) -> CodeAgent:
    """Give an agent whose tools hold the secret and are careless with it."""

    @tool(effect="read")
    def fetch(name: str) -> Any:
        """Fetch something, and give the request back with it."""
        used.append(f"Bearer {token}")
        return {"name": name, "headers": {"Authorization": f"Bearer {token}"}, "raw": [token.encode(), (token,)]}

    @tool
    def fail(name: str) -> str:
        """Fail, and say too much."""
        raise PermissionError(f"token {token} was refused for {name}")

    return CodeAgent(
        [fetch, fail], ScriptedModel(replies), journal=journal, observers=[observer] if observer else [],
        instructions=f"The key is {token}.",
    )  # fmt: skip


def test_a_secret_is_found_nowhere(tmp_path: Path) -> None:
    """Not in the journal's files, events, prompts, the sandbox, the answer, traces, or errors."""
    token = Secret(TEXT)
    events: list[Event] = []
    code = (
        "import json\ngot = fetch('x')\nprint(got, key)\n"
        "try:\n    fail('y')\nexcept Exception as error:\n    print(error)\n"
        "print([name for name, value in globals().items() if 'very-' + 'secret' in repr(value)])"
    )
    agent = make(
        program(code),
        program("final_answer(got)"),
        token=token,
        journal=str(tmp_path / "runs.db"),
        observer=events.append,
    )
    result = agent.run(f"Use {token}.", additional_args={"key": token}, return_full_result=True)
    model: Any = agent._model
    places = {
        "events": [repr(event) for event in events] + [event_text(event) for event in events if event.durable],
        "prompts": [repr(request) for request in model.requests],
        "result": [repr(result), json.dumps(str(result.output))],
        "files": [path.read_bytes().decode("latin-1") for path in tmp_path.iterdir()],
    }

    assert used[-1] == f"Bearer {TEXT}"
    for place, texts in places.items():
        assert [text for text in texts if "very-secret" in text] == [], place
    assert "[secret]" in result.steps[0].output
    assert result.steps[0].output.rstrip().endswith("['code']") or "[]" in result.steps[0].output
    assert result.output["headers"] == {"Authorization": "Bearer [secret]"}


def test_errors_that_end_a_run_do_not_tell(tmp_path: Path) -> None:
    """The message that a caller gets is covered, and that of the error behind it."""
    token = Secret(TEXT)

    def refuse(messages: Any) -> str:
        try:
            raise ConnectionError(f"401 for key {token}")
        except ConnectionError as error:
            raise ModelError(f"the provider refused {token}") from error

    with pytest.raises(ModelError) as caught:
        make(refuse, token=token, journal=str(tmp_path / "runs.db")).run("Go.")

    assert "the provider refused [secret]" in str(caught.value)
    assert "very-secret" not in str(caught.value.__cause__)
    assert "very-secret" not in repr(caught.value.result)


def test_a_secret_is_a_text() -> None:
    """It works wherever a text does, shows itself nowhere, and stays what it is when it is copied."""
    token = Secret(TEXT)

    assert f"Bearer {token}" == f"Bearer {TEXT}"
    assert token == TEXT
    assert TEXT not in repr(token)
    assert TEXT not in repr({"token": token})
    assert copy.deepcopy(token) == pickle.loads(pickle.dumps(token)) == TEXT
    with pytest.raises(ValueError, match="at least 4 characters"):
        Secret("abc")
