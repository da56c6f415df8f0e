"""The loopback server of the model tests, for the command."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.models.loopback import Loopback


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A model's server whose replies a test writes."""
    server = Loopback()
    yield server
    server.shutdown()
    server.server_close()
    assert server.faults == []
