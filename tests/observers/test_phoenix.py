"""A nested run in a real Phoenix server: sent by OTLP over HTTP, and asked back."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

import pytest

from codeling import trace

from .helpers import run, team

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the exporter is in the extra otel")


def spans_in(address: str, project: str, count: int) -> list[dict[str, Any]]:
    """Ask the server for a project's spans until so many are there."""
    until = time.monotonic() + 60
    found: list[dict[str, Any]] = []
    while len(found) < count and time.monotonic() < until:
        time.sleep(0.5)
        try:
            with urllib.request.urlopen(f"{address}/v1/projects/{project}/spans?limit=100", timeout=20) as answer:
                found = json.load(answer)["data"]
        except urllib.error.HTTPError as error:  # the project appears with its first span
            error.close()
    return found


@pytest.mark.timeout(600)
def test_phoenix_shows_a_nested_run(phoenix_server: str) -> None:
    """Phoenix has the whole tree, with kinds, tokens, texts and the error where they belong."""
    with trace(endpoint=phoenix_server, project="tests", content=True) as tracing:
        run(team(), "Count to seven.")
        assert tracing.flush(20)
    spans = spans_in(phoenix_server, "tests", 18)
    by_id = {span["context"]["span_id"]: span for span in spans}
    above = [(span["name"], by_id[span["parent_id"]]["name"] if span["parent_id"] else None) for span in spans]

    assert len(spans) == 18
    assert above.count(("chat scripted", "step 1")) == 2
    for pair in (
        ("invoke_agent CodeAgent", None), ("step 3", "invoke_agent CodeAgent"), ("execute_tool helper", "step 3"),
        ("invoke_agent helper", "execute_tool helper"), ("step 2", "invoke_agent helper"), ("execute_tool slow", "step 1"),
    ):  # fmt: skip
        assert pair in above
    kinds = {span["name"].split(" ")[0]: span["span_kind"] for span in spans}
    assert kinds == {"invoke_agent": "AGENT", "step": "CHAIN", "chat": "LLM", "execute_tool": "TOOL"}
    chats = [span["attributes"] for span in spans if span["span_kind"] == "LLM"]
    assert sum(chat["llm.token_count.prompt"] for chat in chats) == 600
    assert sum(chat["llm.token_count.completion"] for chat in chats) == 60
    root = next(span for span in spans if span["parent_id"] is None)
    assert root["attributes"]["input.value"] == "Count to seven."
    assert "llm.token_count.prompt" not in root["attributes"]
    failed = {span["name"]: span["status_message"] for span in spans if span["status_code"] == "ERROR"}
    assert set(failed) == {"step 2", "execute_tool failing"}
    assert "pears" in failed["execute_tool failing"]
