"""Turns OpenTelemetry on for every run of the process, in one line, and off again.

Spans leave from a thread of the SDK. A back end that is away costs a run nothing, and the end of the
process at most `_PATIENCE` seconds.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import urlsplit

from ..errors import MissingDependency
from ..lookup import load
from .otel import OpenTelemetryObserver

__all__ = ("Instrumentor", "Tracing", "trace", "workflow")

_PATIENCE = 3.0
_MISSING = "tracing needs the library {!r}: pip install 'codeling[otel]'"


class Tracing:
    """What `trace` turned on. Leave it with `close`, or use it in a `with`."""

    def __init__(self, observer: OpenTelemetryObserver, providers: list[Any]) -> None:
        self.observer = observer
        self._providers = providers
        """Those that were made for this, and so end with it."""
        load("codeling.run:everywhere").append(observer)
        if providers:
            atexit.register(self.close)

    def flush(self, seconds: float = _PATIENCE) -> bool:
        """Send what is not sent yet; whether it could be sent in time."""
        self.observer.flush(seconds)
        return _bounded([provider.force_flush for provider in self._providers], seconds)

    def close(self) -> None:
        """Watch no further runs, and send what is not sent yet if that can be done in a few seconds."""
        everywhere = load("codeling.run:everywhere")
        if self.observer in everywhere:
            everywhere.remove(self.observer)
        self.observer.flush(_PATIENCE)
        providers, self._providers = self._providers, []
        _bounded([provider.shutdown for provider in providers], _PATIENCE)
        atexit.unregister(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _bounded(works: list[Any], seconds: float) -> bool:
    """Do things that may take long, for so long at most."""
    threads = []
    for work in works:
        thread = threading.Thread(target=work, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # CPython 3.12 starts none once it is about to end: the SDK's own patience has to do
            work()
        else:
            threads.append(thread)
    for thread in threads:
        thread.join(seconds)
    return not any(thread.is_alive() for thread in threads)


def trace(
    *, endpoint: str | None = None, headers: Mapping[str, str] | None = None, content: bool | None = None,
    metrics: bool | None = None, project: str | None = None, tracer_provider: Any = None, meter_provider: Any = None,
) -> Tracing:  # fmt: skip
    """Send every run of this process to an OpenTelemetry back end, from now on.

    Without an `endpoint`, the providers that the process has set are used; where there are none, spans go by
    OTLP over HTTP to where OpenTelemetry's own variables say (`OTEL_EXPORTER_OTLP_ENDPOINT`, `…_HEADERS`,
    `OTEL_SERVICE_NAME` …). `metrics` are sent too if asked for, or if `OTEL_METRICS_EXPORTER` is `otlp`.
    `content` puts tasks, messages, programs and results into the spans. `project` names it for Phoenix.
    Raises `MissingDependency`.
    """
    made: list[Any] = []
    if tracer_provider is None and (endpoint or not _is_set("opentelemetry.trace", "get_tracer_provider")):
        tracer_provider = _tracer_provider(endpoint, headers, project)
        made.append(tracer_provider)
    wanted = os.environ.get("OTEL_METRICS_EXPORTER") == "otlp" if metrics is None else metrics
    if meter_provider is None and wanted and not _is_set("opentelemetry.metrics", "get_meter_provider"):
        meter_provider = _meter_provider(endpoint, headers)
        made.append(meter_provider)
    observer = OpenTelemetryObserver(tracer_provider=tracer_provider, meter_provider=meter_provider, content=content)
    return Tracing(observer, made)


@contextmanager
def workflow(name: str, *, tracer_provider: Any = None) -> Iterator[None]:
    """Put the runs that begin inside under one span, `invoke_workflow`: several agents that do one thing together."""
    for seen in load("codeling.run:everywhere"):
        if tracer_provider is None and isinstance(seen, OpenTelemetryObserver):
            tracer = seen.tracer
            break
    else:
        try:
            from opentelemetry import trace as api
        except ImportError as error:
            raise MissingDependency(_MISSING.format("opentelemetry-api")) from error
        tracer = api.get_tracer("codeling", tracer_provider=tracer_provider)
    attributes = {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": name,
                  "openinference.span.kind": "CHAIN"}  # fmt: skip
    with tracer.start_as_current_span(f"invoke_workflow {name}", attributes=attributes):
        yield


class Instrumentor:
    """What the command `opentelemetry-instrument` looks for: tracing without a line of code."""

    def __init__(self) -> None:
        self._tracing: Tracing | None = None

    def instrument(self, **options: Any) -> None:
        """Turn tracing on."""
        self._tracing = self._tracing or trace(**{k: v for k, v in options.items() if k.endswith("_provider")})

    def uninstrument(self, **options: Any) -> None:
        """Turn it off."""
        if self._tracing:
            self._tracing.close()
            self._tracing = None


def _is_set(module: str, getter: str) -> bool:
    """Whether the process has set a provider: one of the SDK, not the API's stand-in."""
    try:
        provider = load(f"{module}:{getter}")()
    except ImportError as error:
        raise MissingDependency(_MISSING.format("opentelemetry-api")) from error
    return not type(provider).__module__.startswith(("opentelemetry.trace", "opentelemetry.metrics"))


def _address(endpoint: str | None, path: str) -> str | None:
    """Give the full address of one kind of signal; a base address gets the kind's own path."""
    if endpoint is None:
        return None
    base = endpoint.removesuffix("/").removesuffix("/v1/traces")
    return f"{base}{path}" if urlsplit(base).path in ("", "/") or base != endpoint else endpoint


def _tracer_provider(endpoint: str | None, headers: Mapping[str, str] | None, project: str | None) -> Any:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise MissingDependency(_MISSING.format("opentelemetry-exporter-otlp-proto-http")) from error
    named = {"service.name": os.environ.get("OTEL_SERVICE_NAME", "codeling")}
    if project:
        named["openinference.project.name"] = project
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=_address(endpoint, "/v1/traces"), headers=_plain(headers))
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    return provider


def _meter_provider(endpoint: str | None, headers: Mapping[str, str] | None) -> Any:
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    except ImportError as error:
        raise MissingDependency(_MISSING.format("opentelemetry-exporter-otlp-proto-http")) from error
    exporter = OTLPMetricExporter(endpoint=_address(endpoint, "/v1/metrics"), headers=_plain(headers))
    return MeterProvider([PeriodicExportingMetricReader(exporter)], shutdown_on_exit=False)


def _plain(headers: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if headers is None else dict(headers)
