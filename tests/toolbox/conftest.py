"""A site that is there for one test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .site import Site


@pytest.fixture
def site() -> Iterator[Site]:
    """A web site on loopback."""
    server = Site()
    yield server
    server.close()
