"""Failed calls that may be made again: transient failures of tools that only read or may be repeated.

| effect         | fails for a moment | cut off and resumed  | replayed by a test | policy key            |
| -------------- | ------------------ | -------------------- | ------------------ | --------------------- |
| `read`         | tried again        | made again           | recalled           | `effect:read`         |
| `idempotent`   | tried again        | made again           | recalled           | `effect:idempotent`   |
| `write`        | told to the caller | settled by a person  | recalled           | `effect:write`        |
| `irreversible` | told to the caller | settled by a person  | recalled           | `effect:irreversible` |
"""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from ..errors import EndsRun
from ..lookup import load
from ..tools import Tool

__all__ = ("again",)

WAITS = (0.2, 1.0)
"""Seconds before each further try."""
_BUSY = {408, 425, 429, 500, 502, 503, 504}


async def again(tool: Tool, bound: inspect.BoundArguments, error: Exception) -> tuple[Any, str | None]:
    """Give the value of a call that has failed once, or why it failed.

    A tool that only reads or may be repeated is tried twice more where the failure is one of the
    moment: a lost connection, a timeout, a server that is busy. Any other call fails at once.
    """
    for seconds in WAITS if tool.effect in ("read", "idempotent") and not tool.resumes else ():
        if not _transient(error):
            break
        await load("codeling.sync.threads:on_loop")()
        await asyncio.sleep(seconds)
        try:
            return await tool.run(bound), None
        except EndsRun:
            raise
        except Exception as next_error:  # noqa: BLE001  # foreign code: whatever a tool raises is the program's
            error = next_error
    return None, load("codeling.secrets.masking:told")(error)


def _transient(error: Exception) -> bool:
    """Whether another try may help: the network's errors, and the usual attributes of HTTP clients' errors."""
    if isinstance(error, (ConnectionError, TimeoutError)):
        return True
    response = getattr(error, "response", None)
    codes = (getattr(error, "status_code", None), getattr(error, "code", None), getattr(response, "status_code", None))
    return any(isinstance(code, int) and code in _BUSY for code in codes)
