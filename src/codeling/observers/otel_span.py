"""A span that begins for the SDK when somebody first asks for it: making one is what tracing costs a run most.

It is the current span of its context from the start, so whoever makes a span below it, sends its W3C
header or writes something on it finds a whole span. Where nobody does, a thread makes it beside the run,
mostly when it is over and all that it says is known; its times are those of the events. Loaded when
OpenTelemetry is used, which it imports.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context

__all__ = ("Span",)


class Span(trace.Span):
    """A span of `tracer` that is made when it is needed."""

    def __init__(self, tracer: trace.Tracer, name: str, *, at: float, above: Context | None) -> None:
        self._tracer, self._name, self._above = tracer, name, contexts.get_current() if above is None else above
        self._about: dict[str, Any] = {}
        """What it says once it is made."""
        self._lock = threading.Lock()
        self._made: trace.Span | None = None
        self._token: Any = None
        self.since = at
        self.tool = ""
        """The name of the tool whose call it is, if it is one's."""
        self.is_over = False
        self.inside = trace.set_span_in_context(self, self._above)
        """The context in which it is the current span."""

    def enter(self) -> None:
        """Become the current span here."""
        self._token = contexts.attach(self.inside)

    def leave(self) -> None:
        """Be the current span here no longer; left in another place, there is nothing to undo."""
        if self._token is not None and contexts.get_current() is self.inside:
            contexts.detach(self._token)

    def tell(self, attributes: Mapping[str, Any]) -> None:
        """Have it say something."""
        with self._lock:
            if self._made is None:
                self._about.update(attributes)
                return
        self._made.set_attributes(attributes)

    def finish(self, at: float, attributes: Mapping[str, Any], error: str | None = None, told: str = "") -> None:
        """Say the last of a span; an `error` is the type of what went wrong, and `told` its text."""
        self.is_over = True
        self.tell(attributes if error is None else {**attributes, "error.type": error})
        if error is not None:
            self.made.set_status(trace.StatusCode.ERROR, told[:4000] or error)
        self.made.end(end_time=int(at * 1e9))

    @property
    def made(self) -> trace.Span:
        """The span of the SDK."""
        with self._lock:
            if self._made is None:
                self._made = self._tracer.start_span(
                    self._name, context=self._above, attributes=self._about, start_time=int(self.since * 1e9)
                )
            return self._made

    def __getattr__(self, name: str) -> Any:
        """Give what the SDK's spans have beyond the interface, such as `attributes`."""
        return getattr(self.made, name)

    def get_span_context(self) -> trace.SpanContext:
        """Give what others need to stand below it."""
        return self.made.get_span_context()

    def is_recording(self) -> bool:
        """Whether what is written on it is kept."""
        return self.made.is_recording()

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Have it say something that somebody else knows."""
        self.made.set_attributes(attributes)

    def set_attribute(self, key: str, value: Any) -> None:
        """Have it say one thing."""
        self.made.set_attribute(key, value)

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        """Note something that happened in it."""
        self.made.add_event(name, attributes, timestamp)

    def add_link(self, context: trace.SpanContext, attributes: Any = None) -> None:
        """Name a span that it has to do with."""
        self.made.add_link(context, attributes)

    def update_name(self, name: str) -> None:
        """Give it another name."""
        self.made.update_name(name)

    def set_status(self, status: Any, description: str | None = None) -> None:
        """Say whether it went well."""
        self.made.set_status(status, description)

    def record_exception(
        self, exception: BaseException, attributes: Any = None, timestamp: int | None = None, escaped: bool = False
    ) -> None:  # fmt: skip
        """Note an error."""
        self.made.record_exception(exception, attributes, timestamp, escaped)

    def end(self, end_time: int | None = None) -> None:
        """End it before its time; what comes after is not kept."""
        self.made.end(end_time)
