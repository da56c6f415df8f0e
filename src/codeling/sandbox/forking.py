"""Two futures from one state: a second session that begins with all that is in the first one's interpreter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import SandboxError, UsageError, WireBroken
from ..lookup import load
from .line import Line
from .rooms import Newborn, Resident

if TYPE_CHECKING:
    from .session import WireSession

__all__ = ("fork",)


async def fork(session: WireSession) -> WireSession:
    """Give a copy of a session, as `WireSession.fork` says."""
    await session.opened()
    line = session._line
    if line is None or not line.open:
        raise SandboxError("the interpreter was lost, and with it the state that was to be forked")
    connection = line.connection
    if not isinstance(connection, Resident):
        raise UsageError("these sessions cannot be forked: SandboxExecutor(forks=N) opens such that can, N at a time")
    if line.busy:
        raise UsageError("a session is forked between two programs, and one is running")
    in_thread = load("codeling.sync.threads:in_thread")
    line.busy = True  # no other fork may begin before the worker has been told of this one
    try:
        newborn: Newborn = await in_thread(connection.conceive)
    finally:
        line.busy = False
    try:
        command = {"t": "fork", "id": 0, "threads": connection.threads()}
        outcome = await session._exchange(line).run(command)
        if outcome.error:
            raise SandboxError(f"the session was not forked: {outcome.error}")
        resident: Resident = await in_thread(newborn.arrive)
    except WireBroken as error:
        newborn.drop()
        raise SandboxError(f"the session was lost when it was forked: {line.close(str(error))}") from error
    except BaseException:
        newborn.drop()
        raise
    copy_line = Line(resident)
    copy = session.like(copy_line)
    try:
        await copy._exchange(copy_line, until="ready").run(None)
    except WireBroken as error:
        copy.close()
        raise SandboxError(f"the session was not forked: {error}") from error
    return copy
