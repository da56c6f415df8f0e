"""What all tests need of the process that runs them."""

from __future__ import annotations

import signal

import pytest


def pytest_configure() -> None:
    """Take Ctrl-C: a job in the background of a shell has it ignored, and its children would have too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a folder's tests in one worker where several run side by side: they share servers that start slowly."""
    for item in items:
        folder = item.path.parent.name
        item.add_marker(pytest.mark.xdist_group(folder))
