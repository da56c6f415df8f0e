"""Asks the person at the terminal whether a call may be made. Knows nothing of how runs are shown."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

from ..messages import ToolCall
from ..observers.text import call_text, visible
from ..protocols import Approval, Approver

__all__ = ("asker",)

_TERMINAL = Path("/dev/tty")


def asker() -> Approver | None:
    """Give an approver that asks at the terminal, or None where no person is at one: the run pauses then."""
    if not sys.stderr.isatty():
        return None
    try:
        _TERMINAL.open().close()
    except OSError:
        return None
    return _ask_in_turn(asyncio.Lock())


def _ask_in_turn(turn: asyncio.Lock) -> Approver:
    async def ask(call: ToolCall, reason: str, /) -> Approval | None:
        async with turn:
            answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            # A daemon: nobody has to press a key before an interrupted command can end.
            threading.Thread(target=_read, args=(f"Allow {call_text(call)}? [y/N] ", answer), daemon=True).start()
            said = await answer
        if not said:
            return None
        approved = said.strip().lower() in ("y", "yes")
        return Approval(approved=approved, reason="" if approved else f"a person said no ({visible(reason)})")

    return ask


def _read(question: str, answer: asyncio.Future[str]) -> None:
    print(question, end="", file=sys.stderr, flush=True)
    try:
        with _TERMINAL.open() as terminal:
            line = terminal.readline()
    except OSError:
        line = ""
    answer.get_loop().call_soon_threadsafe(_settle, answer, line)


def _settle(answer: asyncio.Future[str], line: str) -> None:
    if not answer.done():
        answer.set_result(line)
