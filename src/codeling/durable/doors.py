"""Resume, fork and roll back from plain code."""

from __future__ import annotations

from typing import Any

from ..sync.doors import wait
from .fork import fork as afork
from .resume import resume as aresume
from .rollback import rollback as arollback

__all__ = ("fork", "resume", "rollback")


def resume(agent: Any, run_id: str, **options: Any) -> Any:
    """Go on with a stored run and give its answer; takes what `durable.resume.resume` takes."""
    return wait(aresume(agent, run_id, **options))


def fork(agent: Any, run_id: str, step: int, **options: Any) -> Any:
    """Begin a new run at a stored run's step and give its answer; takes what `durable.fork.fork` takes."""
    return wait(afork(agent, run_id, step, **options))


def rollback(agent: Any, run_id: str) -> Any:
    """Undo what a stored run did and say which calls; takes what `durable.rollback.rollback` takes."""
    return wait(arollback(agent, run_id))
