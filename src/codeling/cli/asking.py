"""Asks the person at the terminal whether a call may be made. Knows nothing of how runs are shown."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import cast

from ..approvals.editing import arguments_from, arguments_text, stub_of
from ..events import ApprovalRequested
from ..messages import ToolCall
from ..observers.text import call_text, visible
from ..protocols import Approval, Approver
from ..sync.threads import aside

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
    async def ask(call: ToolCall, reason: str, asked: ApprovalRequested, /) -> Approval | None:
        async with turn:
            said = await _answer(_question(asked))
            while (word := said.strip()).lower() in ("e", "edit") or word.startswith("{"):
                why = ""
                if word.startswith("{"):
                    try:
                        return Approval(approved=True, arguments=arguments_from(word, stub_of(call)))
                    except ValueError as error:
                        why = f"{error}. "
                own = arguments_text(asked.call, stub_of(call))
                said = await _answer(visible(f"{why}Type other arguments, as JSON, or answer as before: {own} "))
        return _approval(said.strip(), reason) if said else None

    return cast("Approver", ask)


async def _answer(question: str) -> str:
    answer: str = await aside(_read)(question)
    return answer


def _question(asked: ApprovalRequested) -> str:
    """What is asked, after what the rest of the program may do."""
    ahead = "".join(f"  {visible(line)}\n" for line in asked.ahead)
    after = f"After this call the program may make these:\n{ahead}" if ahead else ""
    return f"{after}Allow {call_text(asked.call)}? [y/N, a = always in this run, e = other arguments, or why not] "


def _approval(said: str, reason: str) -> Approval:
    """Give what an answer means: yes, always, or no, with whatever else was typed as the reason."""
    word = said.lower()
    if word in ("y", "yes", "a", "always"):
        return Approval(approved=True, always=word in ("a", "always"))
    why = "" if word in ("", "n", "no") else f": {visible(said)}"
    return Approval(approved=False, reason=f"a person said no{why}" if why else f"a person said no ({visible(reason)})")


def _read(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    try:
        with _TERMINAL.open() as terminal:
            return terminal.readline()
    except OSError:
        return ""
