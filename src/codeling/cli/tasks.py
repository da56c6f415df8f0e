"""The task of a command line: found where a list before it has swallowed it, or read from stdin."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import UsageError

__all__ = ("TaskParser", "task_from")


class TaskParser(argparse.ArgumentParser):
    """Puts a task right that a list of tools or imports before it has swallowed."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and take the task back from the list before it."""
        options, rest = super().parse_known_args(args, namespace)
        if getattr(options, "task", "") is None:
            options.task = _swallowed(options.tools) or _swallowed(options.imports)
            if options.task is None:
                self.error(f'a task is missing: {self.prog} "What is …?" (or - to read it from stdin)')
        return options, rest


def task_from(given: str) -> str:
    """Give the task, from stdin where it is `-`. Raises `UsageError` for an empty one."""
    task = sys.stdin.read() if given == "-" else given
    if not task.strip():
        raise UsageError("the task is empty: say what to do, such as codeling run 'What is 2 ** 100?'")
    return task


def _swallowed(values: Sequence[str] | None) -> str | None:
    """Take the last value away if it can only have been meant as the task."""
    if not values or re.fullmatch(r"[\w.:/\\-]+", values[-1]) or Path(values[-1]).exists():
        return None
    assert isinstance(values, list)
    return str(values.pop())
