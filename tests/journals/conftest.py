"""One PostgreSQL server for all tests of the journals; each test has a database of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from .server import missing, server

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A server that lives as long as the tests."""
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'codeling[postgres]'")
    assert psycopg
    if why := missing():
        pytest.skip(why)
    with server() as url:
        yield url


@pytest.fixture
def postgres(postgres_server: str) -> str:
    """The connection string of a new, empty database."""
    import psycopg

    name = f"test{next(_numbers)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{postgres_server.rsplit('/', 1)[0]}/{name}"
