"""Which walls the machine that runs the tests can give."""

from __future__ import annotations

import asyncio
from functools import cache

import pytest

from codeling import IsolationUnavailable, SandboxExecutor
from codeling.protocols import SessionSpec
from codeling.sandbox.wall import Isolation

__all__ = ("need",)


@cache
def _missing(isolation: Isolation) -> str:
    async def work() -> None:
        (await SandboxExecutor(isolation=isolation).open(SessionSpec())).close()

    try:
        asyncio.run(work())
    except IsolationUnavailable as error:
        return str(error)
    return ""


def need(isolation: Isolation) -> None:
    """Skip the test, with the reason, where this wall cannot be had."""
    if why := _missing(isolation):
        pytest.skip(why)
