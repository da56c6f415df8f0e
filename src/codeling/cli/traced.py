"""Tracing of the command's runs, where OpenTelemetry's own variables name a back end."""

from __future__ import annotations

import os

from ..errors import MissingDependency
from ..lookup import load
from . import say

__all__ = ("trace_if_asked",)

_ASKED = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def trace_if_asked() -> None:
    """Turn tracing on if the environment names a back end; where the library is missing, say so and go on."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or not any(map(os.environ.get, _ASKED)):
        return
    try:
        load("codeling.observers.tracing:trace")()
    except MissingDependency as error:
        say(str(error))
