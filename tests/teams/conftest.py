"""A PostgreSQL server for the tests of agents that ask one."""

from __future__ import annotations

from ..journals.conftest import postgres, postgres_server

__all__ = ("postgres", "postgres_server")
