"""Runs as OpenTelemetry spans and metrics, by the GenAI conventions and with OpenInference's attributes.

The spans of a run are `invoke_agent`, below it one for each step, below that `chat` and one
`execute_tool` for each call; a run that a call begins stands below that call's span. Where a span is
open, it is the current one of the context that the tool runs in: what a tool itself does under
OpenTelemetry, such as asking a server, joins the trace. For that the observer has to be called where
the event happens, so it must not be put into a `Queued`. All that it does there is to put a span into the
context and take it out again (`place`); a thread of its own makes the spans and says what they say
(`tell`), and the SDK sends them from another.

Content (tasks, messages, programs, arguments, results, the texts of errors) is left out unless it is
asked for. Names of attributes: opentelemetry.io's GenAI conventions as of util-genai 1.3b0, and
openinference-semantic-conventions; written out here, because their packages move them about.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import MissingDependency
from ..events import (
    CodeStarted,
    Event,
    ModelReplied,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    ToolCallDenied,
    ToolCallFinished,
    ToolCallStarted,
)
from ..lookup import load
from ..messages import ToolCall
from .conversation import Conversation
from .later import Later
from .otel_content import call_content, reply_content, run_content, step_content, value_content
from .otel_metrics import Metrics

__all__ = ("OpenTelemetryObserver", "wants_content")

_CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


def wants_content() -> bool:
    """Whether the environment asks for content in spans, by OpenTelemetry's own variable."""
    return os.environ.get(_CAPTURE, "").strip().lower() in ("true", "1", "span_only", "span_and_event")


class OpenTelemetryObserver:
    """Gives every run as spans and metrics to the providers named, or to those that the process has set.

    `content` decides whether what was said and done is in the spans too; by default the variable
    `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` does. Raises `MissingDependency`.
    """

    anywhere = True

    def __init__(self, *, tracer_provider: Any = None, meter_provider: Any = None, content: bool | None = None) -> None:
        try:
            from opentelemetry import metrics, trace
        except ImportError as error:
            raise MissingDependency(
                "tracing needs the library 'opentelemetry-api': pip install 'codeling[otel]'"
            ) from error
        self.content = wants_content() if content is None else content
        self.current_span, self.span_kind = trace.get_current_span, trace.SpanKind
        self.span = load("codeling.observers.otel_span:Span")
        self.tracer = trace.get_tracer("codeling", tracer_provider=tracer_provider)
        self.metrics = Metrics(metrics.get_meter("codeling", meter_provider=meter_provider))
        self._lock = threading.Lock()
        self._runs: dict[str, _Run] = {}
        self._begun: list[Any] = []
        """Spans that may still be open when the batch is done."""
        self._later = Later(self._tell, after=self._make, every=0.5)

    def __call__(self, event: Event, /) -> None:
        """Take an event in."""
        if not event.durable:
            return
        with self._lock:
            run = self._runs.get(event.run_id)
            if run is None:
                above = self._runs.get(event.parent_id or "") if isinstance(event, RunStarted) else None
                run = self._runs[event.run_id] = _Run(self, event, above)
            if type(event) is RunFinished:
                del self._runs[event.run_id]
                for cut_off in run.cut_off():
                    self._later((run, event, cut_off))
            self._later((run, event, run.place(event)))
        if type(event) is RunFinished and not run.is_below:
            self._later.wait(_AT_THE_END, again=False)

    def flush(self, seconds: float = 3.0) -> bool:
        """Wait until every span that has ended is with the SDK, at most so many seconds; whether it is."""
        return self._later.wait(seconds)

    def _tell(self, told: tuple[_Run, Event, Any]) -> None:
        run, event, span = told
        if type(event) in _BEGIN:
            self._begun.append(span)
        run.tell(event, span)

    def _make(self) -> None:
        """Begin what is still open: back ends may show spans that have not ended."""
        begun, self._begun = self._begun, []
        for span in begun:
            if not span.is_over:
                _ = span.made


class _Run:
    """The open spans of one run. `place` is called where an event happens, `tell` soon after and elsewhere."""

    def __init__(self, observer: OpenTelemetryObserver, first: Event, above: _Run | None) -> None:
        self._tracer, self._metrics, self._content = observer.tracer, observer.metrics, observer.content
        self._span, self._client = observer.span, observer.span_kind.CLIENT
        self._started = (
            first if isinstance(first, RunStarted) else RunStarted(run_id=first.run_id, task="", at=first.at)
        )
        self._resumed = first is not self._started
        self.is_below = above is not None
        self._name = self._started.agent or "agent"
        self._calls: dict[str, Any] = {}
        self._step: Any = None
        self._model = ""
        self._talk = Conversation(self._started) if self._content else None
        around = None if above is None or observer.current_span().is_recording() else above.innermost.inside
        self._root = self._enter(f"invoke_agent {self._name}", first.at, around)
        self._root.tell(self._about(self._started, resumed=self._resumed))

    @property
    def innermost(self) -> Any:
        """The span that a run stands below which says no more than that it belongs to this one."""
        return next(reversed(self._calls.values()), self._step or self._root)

    def _enter(self, name: str, at: float, around: Any) -> Any:
        span = self._span(self._tracer, name, at=at, above=around)
        span.enter()
        return span

    def place(self, event: Event) -> Any:
        """Have the current span be the one that the event begins, or the one around that which it ends; gives which."""
        places = _PLACES.get(type(event))
        return places(self, event) if places else self._step or self._root

    def _place_step(self, event: StepStarted) -> Any:
        self._step = self._enter(f"step {event.step}", event.at, self._root.inside)
        return self._step

    def _place_call(self, event: ToolCallStarted) -> Any:
        made = self._enter(f"execute_tool {event.call.name}", event.at, (self._step or self._root).inside)
        self._calls[event.call.id] = made
        return made

    def _leave_call(self, event: ToolCallFinished) -> Any:
        made = self._calls.pop(event.call_id, None)
        if made:
            made.leave()
        return made or self._step

    def _leave_step(self, _: StepFinished) -> Any:
        ended, self._step = self._step, None
        if ended:
            ended.leave()
        return ended

    def _whole(self, _: Event) -> Any:
        return self._root

    def cut_off(self) -> list[Any]:
        """Leave every span of a run that ends; gives those that nothing had ended."""
        left = [span for span in (*self._calls.values(), self._step) if span]
        for span in (*left, self._root):
            span.leave()
        return left

    def _about(self, started: RunStarted, *, resumed: bool) -> dict[str, Any]:
        conversation = started.continues or started.run_id
        told = {
            "gen_ai.operation.name": "invoke_agent", "openinference.span.kind": "AGENT",
            "gen_ai.agent.name": self._name, "gen_ai.agent.id": self._name, "gen_ai.conversation.id": conversation,
            "agent.name": self._name, "session.id": conversation, "codeling.run.id": started.run_id,
            "codeling.run.resumed": resumed, "codeling.max_steps": started.max_steps,
        }  # fmt: skip
        return told | (run_content(started) if self._content else {})

    def tell(self, event: Event, span: Any) -> None:
        """Have the event's span say what it is about."""
        match event:
            case StepStarted(step=step):
                span.tell({"openinference.span.kind": "CHAIN", "codeling.step": step})
            case ModelReplied():
                self._chat(event, span.inside)
            case CodeStarted() if self._content:
                span.tell({"input.value": event.code, "input.mime_type": "text/x-python"})
            case ToolCallStarted(call=call, arguments=changed):
                self._call(span, call, changed)
            case ToolCallFinished():
                self._called(span, event)
            case ToolCallDenied(call=call, reason=reason):
                made = self._span(self._tracer, f"execute_tool {call.name}", at=event.at, above=span.inside)
                self._call(made, call, None)
                self._called(made, ToolCallFinished(call_id=call.id, error=f"CallDenied: {reason}", at=event.at))
            case StepFinished() if span:
                self._end_step(span, event)
            case RunFinished():
                self._end(span, event)
        if self._talk:
            self._talk.add(event)

    def _chat(self, event: ModelReplied, around: Any) -> None:
        reply, usage = event.reply, event.reply.usage
        self._model = reply.model or self._model
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "chat", "gen_ai.request.model": reply.model, "gen_ai.response.model": reply.model,
            "gen_ai.response.finish_reasons": [_FINISHES.get(reply.finish, reply.finish)],
            "gen_ai.usage.input_tokens": usage.input_tokens, "gen_ai.usage.output_tokens": usage.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens, "codeling.cost": usage.cost,
            "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens, "gen_ai.agent.name": self._name,
            "openinference.span.kind": "LLM", "llm.model_name": reply.model, "llm.cost.total": usage.cost,
            "llm.finish_reason": reply.finish, "llm.token_count.prompt": usage.input_tokens,
            "llm.token_count.completion": usage.output_tokens, "llm.token_count.total": usage.total_tokens,
            "llm.token_count.prompt_details.cache_read": usage.cached_tokens,
            "llm.token_count.completion_details.reasoning": usage.reasoning_tokens,
        }  # fmt: skip
        attributes |= reply_content(reply, self._talk.messages) if self._talk else {}
        span = self._tracer.start_span(
            f"chat {reply.model}".strip(), context=around, kind=self._client, attributes=attributes,
            start_time=_ns(event.at - event.seconds),
        )  # fmt: skip
        span.end(end_time=_ns(event.at))
        self._metrics.replied(self._name, reply, event.seconds)

    def _call(self, span: Any, call: ToolCall, changed: Mapping[str, Any] | None) -> None:
        span.tool = call.name
        span.tell({
            "gen_ai.operation.name": "execute_tool", "openinference.span.kind": "TOOL",
            "gen_ai.tool.name": call.name, "gen_ai.tool.call.id": call.id, "gen_ai.tool.type": "function",
            "tool.name": call.name, "codeling.line": call.line,
            **(call_content(call, changed) if self._content else {}),
        })  # fmt: skip

    def _called(self, span: Any, event: ToolCallFinished) -> None:
        error = None if event.error is None else _kind(event.error)
        if span is None or span is self._root or not span.tool:  # it did not fit any tool, so there was no call
            self._refused(span, event, error or "error")
            return
        told = value_content(event.value) if self._content and error is None else {}
        span.finish(event.at, told, error, event.error or "" if self._content else "")
        self._metrics.called(span.tool, event.at - span.since, error)

    def _refused(self, span: Any, event: ToolCallFinished, kind: str) -> None:
        if span:
            told = {"exception.message": event.error or ""} if self._content else {}
            span.add_event("call refused", {"exception.type": kind, **told}, timestamp=_ns(event.at))
        self._metrics.called("", 0.0, kind)

    def _end_step(self, step: Any, event: StepFinished) -> None:
        told = {"codeling.final": event.final, "codeling.lost": event.lost}
        error = _kind(event.error.strip().split("\n")[-1]) if event.error else None
        shown = step_content(event) if self._content else {}
        step.finish(event.at, told | shown, error, event.error or "" if self._content else "")

    def _end(self, span: Any, event: RunFinished) -> None:
        if span is not self._root:
            span.finish(event.at, {"codeling.cut_off": True})
            return
        usage = event.usage
        told = {
            "codeling.run.state": event.state, "codeling.cost": usage.cost, "gen_ai.request.model": self._model,
            # Not as `gen_ai.usage`: back ends add that up over all spans, and the replies have theirs.
            "codeling.usage.input_tokens": usage.input_tokens, "codeling.usage.output_tokens": usage.output_tokens,
        } | (value_content(event.output, key=None) if self._content else {})  # fmt: skip
        error = event.state if event.state in ("failed", "limit") else None
        self._root.finish(event.at, told, error, event.error or "" if self._content else "")
        self._metrics.ended(self._name, event.state, event.at - self._root.since)


_PLACES: Mapping[type[Event], Callable[[_Run, Any], Any]] = {
    StepStarted: _Run._place_step, ToolCallStarted: _Run._place_call, ToolCallFinished: _Run._leave_call,
    StepFinished: _Run._leave_step, RunStarted: _Run._whole, RunFinished: _Run._whole,
}  # fmt: skip
_BEGIN = frozenset((RunStarted, StepStarted, ToolCallStarted))
_AT_THE_END = 1.0
"""Seconds that the end of a run waits, at most, for the spans to be with the SDK."""
_FINISHES = {"calls": "tool_calls", "refused": "content_filter"}
"""The conventions' names for the ends of a reply."""


def _ns(at: float) -> int:
    return int(at * 1e9)


def _kind(error: str | None) -> str:
    """Give the type of an error as its text begins with it, such as `KeyError`."""
    words = (error or "").split(":")
    name = next((word.strip() for word in reversed(words[:2]) if word.strip().isidentifier()), "error")
    return name if len(name) < 80 else "error"
