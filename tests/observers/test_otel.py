"""Spans and metrics of real runs, as the OpenTelemetry SDK gets them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codeling import CodeAgent, MCPClient, OpenTelemetryObserver, ToolCallingAgent, tool, trace, workflow
from codeling.messages import ToolCall
from codeling.testing import ScriptedModel

from .helpers import TOOLS, agent, double, run, team

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="the SDK is in the extra otel")


class Collected:
    """What a provider of this test's own got."""

    def __init__(self) -> None:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        self._exporter, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = sdk.TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self._reader], shutdown_on_exit=False)

    def observer(self, **options: Any) -> OpenTelemetryObserver:
        return OpenTelemetryObserver(tracer_provider=self.tracers, meter_provider=self.meters, **options)

    @property
    def spans(self) -> list[Any]:
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time)

    def named(self, name: str) -> Any:
        return next(span for span in self.spans if span.name == name)

    def tree(self, parent: Any = None, depth: int = 0) -> list[str]:
        """Give the names of the spans, indented below their parents."""
        lines = []
        for span in self.spans:
            if (span.parent.span_id if span.parent else None) == parent:
                lines += [". " * depth + span.name, *self.tree(span.context.span_id, depth + 1)]
        return lines

    def metrics(self) -> dict[str, list[Any]]:
        data = self._reader.get_metrics_data()
        assert data
        found = [metric for part in data.resource_metrics for scope in part.scope_metrics for metric in scope.metrics]
        return {metric.name: list(metric.data.data_points) for metric in found}


@pytest.fixture
def collected() -> Iterator[Collected]:
    """Providers that keep what they get."""
    kept = Collected()
    yield kept
    kept.tracers.shutdown()
    kept.meters.shutdown()


def test_the_tree_of_a_nested_run(collected: Collected) -> None:
    """Run, steps, replies and calls stand below each other; a run below another stands below the call that made it."""
    run(team(observers=[collected.observer()]))

    assert collected.tree() == [
        "invoke_agent CodeAgent",
        ". step 1", ". . chat scripted", ". . execute_tool slow", ". . execute_tool slow",
        ". step 2", ". . chat scripted", ". . execute_tool failing",
        ". step 3", ". . chat scripted", ". . execute_tool helper",
        ". . . invoke_agent helper",
        ". . . . step 1", ". . . . . chat scripted", ". . . . step 2", ". . . . . chat scripted",
        ". step 4", ". . chat scripted",
    ]  # fmt: skip
    assert len({span.context.trace_id for span in collected.spans}) == 1


def test_attributes_of_both_conventions(collected: Collected) -> None:
    """Tokens, models, tools and states are where GenAI and OpenInference say; kinds and times are right."""
    result = run(team(observers=[collected.observer()]))
    root, chat = collected.named("invoke_agent CodeAgent"), collected.named("chat scripted")
    call = collected.named("execute_tool failing")

    wanted = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "CodeAgent", "codeling.run.state": "success",
              "openinference.span.kind": "AGENT", "gen_ai.conversation.id": result.run_id, "codeling.cost": 3.0}  # fmt: skip
    assert dict(root.attributes) | wanted == dict(root.attributes)
    wanted = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "scripted", "gen_ai.usage.input_tokens": 100,
              "gen_ai.usage.output_tokens": 10, "gen_ai.usage.cache_read.input_tokens": 40, "llm.cost.total": 0.5,
              "openinference.span.kind": "LLM", "llm.model_name": "scripted", "llm.token_count.total": 110}  # fmt: skip
    assert dict(chat.attributes) | wanted == dict(chat.attributes)
    assert chat.kind.name == "CLIENT"
    wanted = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "failing", "tool.name": "failing",
              "openinference.span.kind": "TOOL", "error.type": "KeyError", "codeling.line": 1}  # fmt: skip
    assert dict(call.attributes) | wanted == dict(call.attributes)
    assert call.status.status_code.name == "ERROR"
    assert root.end_time >= call.end_time >= call.start_time >= root.start_time


def test_the_names_are_those_of_the_conventions() -> None:
    """Attributes that we write out are spelt as the packages of both conventions spell them."""
    genai = pytest.importorskip("opentelemetry.semconv._incubating.attributes.gen_ai_attributes")
    inference = pytest.importorskip("openinference.semconv.trace")
    from codeling.observers import otel, otel_content

    known = {value for name, value in vars(genai).items() if name.startswith("GEN_AI_")}
    known |= {value for name, value in vars(inference.SpanAttributes).items() if isinstance(value, str)}
    import re
    from pathlib import Path

    text = "".join(Path(str(module.__file__)).read_text(encoding="utf-8") for module in (otel, otel_content))
    used = set(re.findall(r'"((?:gen_ai|llm|openinference|tool|agent|session|input|output)\.[a-z_.]+)"', text))

    assert used - known <= {"llm.output_messages.0"}
    assert len(used) > 30


def test_content_is_left_out_unless_it_is_asked_for(collected: Collected) -> None:
    """Without asking, no text of a task, message, program, argument, result or error is in any span."""
    code = "print('secret-printed')\ndouble(number='secret-given')"
    made = agent(code, "failing('secret-key')", "final_answer('secret-answer')", instructions="secret-rule",
                 observers=[collected.observer()])  # fmt: skip
    run(made, "secret-task")
    told = " ".join(span.to_json() for span in collected.spans)

    assert "execute_tool failing" in told
    assert "secret" not in told


def test_content_is_there_when_it_is_asked_for(collected: Collected, monkeypatch: pytest.MonkeyPatch) -> None:
    """With OpenTelemetry's own variable, messages, arguments, results and errors are in both forms."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "span_only")
    made = agent("print(double(21))", "failing('pears')", "final_answer({'a': 1})", observers=[collected.observer()])
    run(made, "The task.")
    root, call = collected.named("invoke_agent CodeAgent").attributes, collected.named("execute_tool double").attributes
    chats = [span.attributes for span in collected.spans if span.name == "chat scripted"]
    sent = made._model.requests[1].messages  # type: ignore[attr-defined]
    shown = json.loads(chats[1]["gen_ai.input.messages"])

    assert (root["input.value"], root["output.value"]) == ("The task.", "{'a': 1}")
    assert (call["gen_ai.tool.call.arguments"], call["gen_ai.tool.call.result"]) == ('{"0": 21}', "42")
    assert [message["parts"][0]["content"] for message in shown] == [message.content for message in sent]
    assert chats[1]["llm.input_messages.1.message.content"] == sent[1].content
    assert "double(21)" in chats[0]["llm.output_messages.0.message.content"]
    assert "pears" in collected.named("execute_tool failing").status.description
    assert collected.named("step 1").attributes["output.value"] == "42\n"


def test_json_agents_are_told_as_well(collected: Collected) -> None:
    """An agent that acts by calls has the same tree; calls at once each have their span, and their messages are there."""
    calls = [
        ToolCall(id="a", name="double", kwargs={"number": 4}),
        ToolCall(id="b", name="double", kwargs={"number": "x"}),
    ]
    model = ScriptedModel([calls, [ToolCall(id="c", name="final_answer", kwargs={"answer": 9})]])
    ToolCallingAgent([double], model, observers=[collected.observer(content=True)]).run("Do it.")
    chats = [span for span in collected.spans if span.name.startswith("chat")]
    last = json.loads(chats[1].attributes["gen_ai.input.messages"])

    assert collected.tree()[:4] == [
        "invoke_agent ToolCallingAgent",
        ". step 1",
        ". . chat scripted",
        ". . execute_tool double",
    ]
    assert [message["role"] for message in last[-3:]] == ["assistant", "tool", "tool"]
    assert last[-2]["parts"][0]["response"] == "8"


def test_what_a_tool_does_joins_the_trace(collected: Collected) -> None:
    """Inside a tool, sync or async, the call's span is the current one, and W3C headers carry it to servers."""
    from opentelemetry import propagate

    @tool
    def ask(what: str) -> dict[str, str]:
        """Ask a server."""
        headers: dict[str, str] = {}
        propagate.inject(headers)
        return headers

    @tool
    async def ask_async(what: str) -> dict[str, str]:
        """Ask a server."""
        headers: dict[str, str] = {}
        propagate.inject(headers)
        return headers

    code = "import asyncio\nfinal_answer(await asyncio.gather(ask('a'), ask_async('b')))"
    result = run(agent(code, tools=[ask, ask_async], observers=[collected.observer()]))
    ids = [header["traceparent"].split("-")[2] for header in result.output]

    assert ids[0] == format(collected.named("execute_tool ask").context.span_id, "016x")
    assert ids[1] == format(collected.named("execute_tool ask_async").context.span_id, "016x")


def test_an_mcp_server_is_told_the_trace(collected: Collected, tmp_path: Path) -> None:
    """With each call an MCP server gets the W3C context of that call's span, also of calls that are made at once."""
    pytest.importorskip("mcp", reason="the extra 'mcp' is not installed")
    source = """
from mcp.server.mcpserver import Context, MCPServer
server = MCPServer("traced")
@server.tool()
async def told(context: Context, number: int) -> str:
    \"\"\"Give the trace context that came.\"\"\"
    return context.request_context.meta["traceparent"]
server.run("stdio")
"""
    (tmp_path / "server.py").write_text(source)
    code = "import asyncio\nfinal_answer([told(1), *await asyncio.gather(told(2), told(3))])"
    with MCPClient({"command": sys.executable, "args": [str(tmp_path / "server.py")]}) as client:
        result = run(agent(code, tools=list(client), observers=[collected.observer()]))
    spans = [span for span in collected.spans if span.name == "execute_tool told"]
    trace = {format(span.context.trace_id, "032x") for span in spans}

    assert {text.split("-")[1] for text in result.output} == trace
    assert {text.split("-")[2] for text in result.output} == {format(span.context.span_id, "016x") for span in spans}


def test_a_tool_finds_a_whole_span(collected: Collected) -> None:
    """What a tool writes on its call's span is kept, spans of its own stand below it, and every time is the event's."""
    from opentelemetry import trace as api

    @tool
    def work(number: int) -> int:
        """Work under OpenTelemetry."""
        api.get_current_span().set_attribute("mine", number)
        with collected.tracers.get_tracer("mine").start_as_current_span("inside"):
            api.get_current_span().add_event("hm")
        return number

    result = run(agent("print(work(4))", "final_answer(1)", tools=[work], observers=[collected.observer()]))
    call, inside = collected.named("execute_tool work"), collected.named("inside")
    ends = {type(event).__name__: int(event.at * 1e9) for event in result.events}

    assert call.attributes["mine"] == 4
    assert call.attributes["gen_ai.tool.name"] == "work"
    assert inside.parent.span_id == call.context.span_id
    assert call.start_time == ends["ToolCallStarted"] <= inside.start_time <= inside.end_time <= call.end_time
    assert call.end_time == ends["ToolCallFinished"]
    assert collected.named("invoke_agent CodeAgent").end_time == ends["RunFinished"]


def test_a_call_that_goes_on_can_be_seen(collected: Collected) -> None:
    """The SDK knows of a span soon after it began, also while it is open: back ends show what goes on now."""
    begun: list[str] = []

    class Watching(sdk.SpanProcessor):  # type: ignore[misc, name-defined]  # the SDK may not be there
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            begun.append(span.name)

    @tool
    def wait() -> bool:
        """Wait until the span of this call is known."""
        until = time.monotonic() + 60
        while "execute_tool wait" not in begun and time.monotonic() < until:
            time.sleep(0.01)
        return "execute_tool wait" in begun

    collected.tracers.add_span_processor(Watching())

    assert run(agent("final_answer(wait())", tools=[wait], observers=[collected.observer()])).output is True


def test_a_run_stands_below_the_span_around_it(collected: Collected) -> None:
    """A run begun inside a span of the caller's is part of that trace, and `workflow` is such a span."""
    with trace(tracer_provider=collected.tracers, meter_provider=collected.meters):
        with workflow("nightly"):
            run(agent("final_answer(1)"))
            run(agent("final_answer(2)"))
        run(agent("final_answer(3)"))
    run(agent("final_answer(4)"))
    tree = collected.tree()

    assert [line for line in tree if "invoke" in line] == [
        "invoke_workflow nightly", ". invoke_agent CodeAgent", ". invoke_agent CodeAgent", "invoke_agent CodeAgent",
    ]  # fmt: skip
    assert collected.named("invoke_workflow nightly").attributes["gen_ai.workflow.name"] == "nightly"


def test_metrics(collected: Collected) -> None:
    """Durations, tokens, money and failed calls are counted, by agent, model and tool."""
    run(team(observers=[collected.observer()]))
    found = collected.metrics()
    tokens = {(point.attributes["gen_ai.agent.name"], point.attributes["gen_ai.token.type"]): point.sum
              for point in found["gen_ai.client.token.usage"]}  # fmt: skip

    assert tokens["CodeAgent", "input"] == 400
    assert tokens["helper", "output"] == 20
    assert sum(point.value for point in found["codeling.cost"]) == 3.0
    assert [
        (p.attributes["gen_ai.tool.name"], p.attributes["error.type"], p.value) for p in found["codeling.tool.errors"]
    ] == [("failing", "KeyError", 1)]
    assert {p.attributes["gen_ai.tool.name"]: p.count for p in found["gen_ai.execute_tool.duration"]} == {
        "slow": 2, "failing": 1, "helper": 1,
    }  # fmt: skip
    assert {p.attributes["gen_ai.agent.name"]: p.count for p in found["gen_ai.invoke_agent.duration"]} == {
        "CodeAgent": 1, "helper": 1,
    }  # fmt: skip


def test_bad_ends_are_told(collected: Collected) -> None:
    """A run that fails has an error, and no span is left open."""
    made = CodeAgent(TOOLS, ScriptedModel([RuntimeError("model broke")]), observers=[collected.observer()])
    with pytest.raises(RuntimeError):
        made.run("Do it.")
    root, step = collected.named("invoke_agent CodeAgent"), collected.named("step 1")

    assert root.status.status_code.name == "ERROR"
    assert root.attributes["codeling.run.state"] == "failed"
    assert step.attributes["codeling.cut_off"] is True


AWAY = """
import sys, time
from codeling import CodeAgent, trace
from codeling.testing import ScriptedModel
tracing = trace(endpoint="http://127.0.0.1:9")
agent = CodeAgent([], ScriptedModel(["```python\\nfinal_answer(7)\\n```"]))
print(agent.run("Do it."))
"""


def test_no_back_end_at_the_address() -> None:
    """A run whose back end is away gives its answer, and its process ends."""
    since = time.monotonic()
    done = subprocess.run([sys.executable, "-c", AWAY], capture_output=True, text=True, timeout=100, check=False)

    assert done.stdout == "7\n"
    assert done.returncode == 0, done.stderr
    print("ended after", time.monotonic() - since)


def test_a_missing_library_is_named() -> None:
    """Without OpenTelemetry, the error says what to install."""
    code = (
        "import sys\nsys.modules['opentelemetry'] = None\nimport codeling\n"
        "try:\n    codeling.trace()\nexcept codeling.MissingDependency as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert "pip install 'codeling[otel]'" in done.stdout, done.stderr
