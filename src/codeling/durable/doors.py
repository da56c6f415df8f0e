"""Resume and fork from plain code."""

from __future__ import annotations

from typing import Any

from ..sync.doors import wait
from .resume import fork as afork
from .resume import resume as aresume

__all__ = ("fork", "resume")


def resume(agent: Any, run_id: str, **options: Any) -> Any:
    """Go on with a stored run and give its answer; takes what `durable.resume.resume` takes."""
    return wait(aresume(agent, run_id, **options))


def fork(agent: Any, run_id: str, step: int, **options: Any) -> Any:
    """Begin a new run at a stored run's step and give its answer; takes what `durable.resume.fork` takes."""
    return wait(afork(agent, run_id, step, **options))
