"""Runs as OpenTelemetry spans and metrics, by the GenAI conventions and with OpenInference's attributes.

The spans of a run are `invoke_agent`, below it one for each step, below that `chat` and one
`execute_tool` for each call; a run that a call begins stands below that call's span. Where a span is
open, it is the current one of the context that the tool runs in: what a tool itself does under
OpenTelemetry, such as asking a server, joins the trace. For that the observer has to be called where
the event happens, so it must not be put into a `Queued`. It only begins spans there; what they say and
their ends are written by a thread of its own, and the SDK sends them from another.

Content (tasks, messages, programs, arguments, results, the texts of errors) is left out unless it is
asked for. Names of attributes: opentelemetry.io's GenAI conventions as of util-genai 1.3b0, and
openinference-semantic-conventions; written out here, because their packages move them about.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import MissingDependency
from ..events import (
    CodeStarted,
    Event,
    ModelReplied,
    RunContinued,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    ToolCallDenied,
    ToolCallFinished,
    ToolCallStarted,
)
from ..messages import Message, ToolCall
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
            from opentelemetry import context, metrics, trace
        except ImportError as error:
            raise MissingDependency(
                "tracing needs the library 'opentelemetry-api': pip install 'codeling[otel]'"
            ) from error
        self.content = wants_content() if content is None else content
        self.api = _API(context, trace)
        self.tracer = trace.get_tracer("codeling", tracer_provider=tracer_provider)
        self._metrics = Metrics(metrics.get_meter("codeling", meter_provider=meter_provider))
        self._lock = threading.Lock()
        self._runs: dict[str, _Run] = {}
        self._later = Later()

    def __call__(self, event: Event, /) -> None:
        """Take an event in."""
        if not event.durable:
            return
        with self._lock:
            run = self._runs.get(event.run_id)
            if run is None:
                above = self._runs.get(event.parent_id or "") if isinstance(event, RunStarted) else None
                run = self._runs[event.run_id] = _Run(self, event, above)
            if isinstance(event, RunFinished):
                del self._runs[event.run_id]
            run.add(event)
        if isinstance(event, RunFinished) and not run.is_below:
            self._later.wait(_AT_THE_END)

    def flush(self, seconds: float = 3.0) -> bool:
        """Wait until every span that has ended is with the SDK, at most so many seconds; whether it is."""
        return self._later.wait(seconds)


@dataclass(slots=True)
class _API:
    """The library's modules that every event needs."""

    context: Any
    trace: Any


@dataclass(slots=True)
class _Open:
    """A span that has not ended, and how to leave the context that it was put into."""

    api: _API
    span: Any
    context: Any
    token: Any
    since: float
    name: str

    def leave(self) -> None:
        if self.api.context.get_current() is self.context:  # left in another place, there is nothing to undo
            self.api.context.detach(self.token)

    def end(self, at: float, attributes: Mapping[str, Any], error: str | None = None, told: str = "") -> None:
        """Say the last of a span; an `error` is the type of what went wrong, and `told` its text."""
        self.span.set_attributes(attributes)
        if error is not None:
            self.span.set_attribute("error.type", error)
            self.span.set_status(self.api.trace.StatusCode.ERROR, told[:4000] or error)
        self.span.end(end_time=_ns(at))


class _Run:
    """The open spans of one run. What is not needed at once is put off."""

    def __init__(self, observer: OpenTelemetryObserver, first: Event, above: _Run | None) -> None:
        self._tracer, self._metrics, self._content = observer.tracer, observer._metrics, observer.content
        self._later, self._api = observer._later, observer.api
        started = first if isinstance(first, RunStarted) else RunStarted(run_id=first.run_id, task="", at=first.at)
        self.is_below = above is not None
        self._name = started.agent or "agent"
        self._calls: dict[str, _Open] = {}
        self._step: _Open | None = None
        self._model = ""
        self._talk = _Talk(started) if self._content else None
        self._root = self._open(f"invoke_agent {self._name}", "invoke_agent", "AGENT", first.at, self._context(above))
        self._later(self._root.span.set_attributes, self._about(started, resumed=first is not started))

    def _about(self, started: RunStarted, *, resumed: bool) -> dict[str, Any]:
        conversation = started.continues or started.run_id
        told = {
            "gen_ai.agent.name": self._name, "gen_ai.agent.id": self._name, "gen_ai.conversation.id": conversation,
            "agent.name": self._name, "session.id": conversation, "codeling.run.id": started.run_id,
            "codeling.run.resumed": resumed, "codeling.max_steps": started.max_steps,
        }  # fmt: skip
        return told | (run_content(started) if self._content else {})

    def _context(self, above: _Run | None) -> Any:
        """Where the run belongs: below what is current here, else below the run that it says it belongs to."""
        if above is None or self._api.trace.get_current_span().is_recording():
            return None
        return next(reversed(above._calls.values()), above._step or above._root).context

    def _open(self, name: str, operation: str, kind: str, at: float, context: Any) -> _Open:
        attributes = {"gen_ai.operation.name": operation} if operation else {}
        attributes["openinference.span.kind"] = kind
        span = self._tracer.start_span(name, context=context, attributes=attributes, start_time=_ns(at))
        inside = self._api.trace.set_span_in_context(span, context)
        return _Open(self._api, span, inside, self._api.context.attach(inside), at, name)

    def add(self, event: Event) -> None:
        """Take one event in."""
        match event:
            case StepStarted(step=step, at=at):
                self._step = self._open(f"step {step}", "", "CHAIN", at, self._root.context)
                self._later(self._step.span.set_attribute, "codeling.step", step)
            case ModelReplied():
                self._model = event.reply.model or self._model
                asked = self._talk.messages if self._talk else None
                self._later(self._chat, event, (self._step or self._root).context, asked)
            case CodeStarted() if self._step and self._content:
                program = {"input.value": event.code, "input.mime_type": "text/x-python"}
                self._later(self._step.span.set_attributes, program)
            case ToolCallStarted(call=call, arguments=changed):
                self._call(call, event.at, changed)
            case ToolCallFinished():
                self._called(event)
            case ToolCallDenied(call=call, reason=reason):
                self._call(call, event.at, None)
                self._called(ToolCallFinished(call_id=call.id, error=f"CallDenied: {reason}", at=event.at))
            case StepFinished() if self._step:
                ended, self._step = self._step, None
                ended.leave()
                self._later(self._end_step, ended, event)
            case RunFinished():
                self._end(event)
        if self._talk:
            self._talk.add(event)

    def _chat(self, event: ModelReplied, context: Any, asked: list[Message] | None) -> None:
        reply, usage = event.reply, event.reply.usage
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
        attributes |= reply_content(reply, asked) if asked is not None else {}
        span = self._tracer.start_span(
            f"chat {reply.model}".strip(), context=context, kind=self._api.trace.SpanKind.CLIENT, attributes=attributes,
            start_time=_ns(event.at - event.seconds),
        )  # fmt: skip
        span.end(end_time=_ns(event.at))
        self._metrics.replied(self._name, reply, event.seconds)

    def _call(self, call: ToolCall, at: float, changed: Mapping[str, Any] | None) -> None:
        parent = (self._step or self._root).context
        made = self._open(f"execute_tool {call.name}", "execute_tool", "TOOL", at, parent)
        made.name = call.name
        self._calls[call.id] = made
        self._later(self._describe, made.span, call, changed)

    def _describe(self, span: Any, call: ToolCall, changed: Mapping[str, Any] | None) -> None:
        span.set_attributes({
            "gen_ai.tool.name": call.name, "gen_ai.tool.call.id": call.id, "gen_ai.tool.type": "function",
            "tool.name": call.name, "codeling.line": call.line,
            **(call_content(call, changed) if self._content else {}),
        })  # fmt: skip

    def _called(self, event: ToolCallFinished) -> None:
        made = self._calls.pop(event.call_id, None)
        if made:
            made.leave()
            self._later(self._end_call, made, event)
        else:  # it did not fit any tool, so there was no call
            self._later(self._refused, self._step, event)

    def _end_call(self, made: _Open, event: ToolCallFinished) -> None:
        error = None if event.error is None else _kind(event.error)
        told = value_content(event.value) if self._content and error is None else {}
        made.end(event.at, told, error, event.error or "" if self._content else "")
        self._metrics.called(made.name, event.at - made.since, error)

    def _refused(self, step: _Open | None, event: ToolCallFinished) -> None:
        kind = _kind(event.error)
        if step:
            told = {"exception.message": event.error or ""} if self._content else {}
            step.span.add_event("call refused", {"exception.type": kind, **told}, timestamp=_ns(event.at))
        self._metrics.called("", 0.0, kind)

    def _end_step(self, step: _Open, event: StepFinished) -> None:
        told = {"codeling.final": event.final, "codeling.lost": event.lost}
        error = _kind(event.error.strip().split("\n")[-1]) if event.error else None
        shown = step_content(event) if self._content else {}
        step.end(event.at, told | shown, error, event.error or "" if self._content else "")

    def _end(self, event: RunFinished) -> None:
        for cut_off in (*self._calls.values(), self._step):
            if cut_off:
                cut_off.leave()
                self._later(cut_off.end, event.at, {"codeling.cut_off": True})
        self._root.leave()
        self._later(self._end_run, event)

    def _end_run(self, event: RunFinished) -> None:
        usage = event.usage
        told = {
            "codeling.run.state": event.state, "codeling.cost": usage.cost, "gen_ai.request.model": self._model,
            # Not as `gen_ai.usage`: back ends add that up over all spans, and the replies have theirs.
            "codeling.usage.input_tokens": usage.input_tokens, "codeling.usage.output_tokens": usage.output_tokens,
        } | (value_content(event.output, key=None) if self._content else {})  # fmt: skip
        error = event.state if event.state in ("failed", "limit") else None
        self._root.end(event.at, told, error, event.error or "" if self._content else "")
        self._metrics.ended(self._name, event.state, event.at - self._root.since)


class _Talk:
    """What the model is shown, for spans with content. Which form the run acts in is known at its first step."""

    def __init__(self, started: RunStarted) -> None:
        self._started = started
        self._early: list[Event] = []
        self._conversation: Conversation | None = None

    @property
    def messages(self) -> list[Message]:
        return self._conversation.messages if self._conversation else []

    def add(self, event: Event) -> None:
        if self._conversation is None:
            self._early.append(event)
            if not isinstance(event, StepStarted):
                return
            code = any(isinstance(early, RunContinued) for early in self._early)
            self._conversation = Conversation(self._started, code=code)
            for early in self._early:
                self._conversation.add(early)
        else:
            self._conversation.add(event)


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
