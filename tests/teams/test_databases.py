"""Agents that ask databases: a real PostgreSQL and a real SQLite behind tools, asked by agents side by side."""

from __future__ import annotations

import datetime
import sqlite3
import uuid
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from codeling import CodeAgent, tool
from codeling.testing import ScriptedModel

from ..core.helpers import program

ID = uuid.UUID("12345678-1234-5678-1234-567812345678")
ORDERS = (
    "CREATE TABLE orders (id uuid, customer text, amount numeric(10, 2), placed timestamptz, items jsonb)",
    f"INSERT INTO orders VALUES ('{ID}', 'Ann', 12.50, '2026-03-01 10:00+00', '[\"pear\", 2]')",
    "INSERT INTO orders VALUES (gen_random_uuid(), 'Bob', 0.10, '2026-03-02 10:00+00', '[]')",
    "INSERT INTO orders VALUES (gen_random_uuid(), 'Ann', 0.20, '2026-03-03 10:00+00', NULL)",
)


def scripted(*programs: str) -> ScriptedModel:
    return ScriptedModel([program(code) for code in programs])


def asking(url: str) -> Any:
    """A tool that reads the database; connection and rights stay on this side."""
    import psycopg
    from psycopg.rows import dict_row

    @tool(effect="read")
    async def orders(query: str) -> list[dict[str, Any]]:
        """Give the rows that a SELECT on the table orders gives."""
        async with await psycopg.AsyncConnection.connect(url, row_factory=dict_row) as connection:
            await connection.set_read_only(True)
            return [dict(row) for row in await (await connection.execute(query)).fetchall()]

    return orders


def stock(path: Path) -> Any:
    """A tool that reads another database."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE stock (item TEXT, pieces INTEGER)")
        connection.executemany("INSERT INTO stock VALUES (?, ?)", [("pear", 7), ("plum", 0)])

    @tool(effect="read")
    def pieces(item: str) -> int | None:
        """Say how many pieces of an item there are."""
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT pieces FROM stock WHERE item = ?", (item,)).fetchone()
            return int(row[0]) if row else None

    return pieces


def test_agents_ask_two_databases_at_once(postgres: str, tmp_path: Path) -> None:
    """A wrong query is corrected from the server's error, nothing can be written, and values keep their types."""
    import psycopg

    with psycopg.connect(postgres) as connection:
        for statement in ORDERS:
            connection.execute(statement)
    buyer = CodeAgent(
        [asking(postgres)], scripted(
            "orders('SELECT customer, sum(price) FROM orders GROUP BY customer')",
            'try:\n    orders("DELETE FROM orders RETURNING id")\nexcept Exception as error:\n    print(error)',
            "sums = {r['customer']: r['sum'] for r in orders('SELECT customer, sum(amount) FROM orders GROUP BY customer')}\n"
            "first = orders('SELECT * FROM orders ORDER BY placed LIMIT 1')[0]\nfinal_answer([sums, first])",
        ), name="buyer", description="Knows the orders.",
    )  # fmt: skip
    keeper = CodeAgent(
        [stock(tmp_path / "stock.db")], scripted("final_answer({item: pieces(item) for item in items})"),
        name="keeper", description="Knows the stock.",
    )  # fmt: skip
    code = (
        "import asyncio\n(sums, first), there = await asyncio.gather("
        "buyer('Who spent what?'), keeper('How many?', items=['pear', 'fig']))\nfinal_answer([sums, first, there])"
    )
    boss = CodeAgent([], scripted(code), managed_agents=[buyer, keeper], journal=postgres)
    sums, first, there = boss.run("Report.")
    asked: Any = buyer._model
    told = [request.messages[-1].content for request in asked.requests[1:]]

    assert sums == {"Ann": Decimal("12.70"), "Bob": Decimal("0.10")}
    placed = datetime.datetime(2026, 3, 1, 10, tzinfo=datetime.UTC)
    assert first == {"id": ID, "customer": "Ann", "amount": Decimal("12.50"), "placed": placed, "items": ["pear", 2]}
    assert there == {"pear": 7, "fig": None}
    assert 'column "price" does not exist' in told[0]
    assert "cannot execute DELETE in a read-only transaction" in told[1]
