"""Questions about a database in plain words: the agent writes SQL, and corrects it from the database's own errors.

python examples/sql.py [MODEL]
"""

from __future__ import annotations

import csv
import sqlite3
import sys
from pathlib import Path
from typing import Any

from codeling import CodeAgent, Model, TerminalObserver, tool

DATA = Path(__file__).parent / "data"
READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}


def database() -> sqlite3.Connection:
    """Give a database that holds the tables of `examples/data`, and can only be read."""
    made = sqlite3.connect(":memory:", check_same_thread=False)
    for path in sorted(DATA.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
        made.execute(f"CREATE TABLE {path.stem} ({', '.join(f'{name} NUMERIC' for name in head)})")
        made.executemany(f"INSERT INTO {path.stem} VALUES ({', '.join('?' * len(head))})", rows)
    made.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in READS else sqlite3.SQLITE_DENY)
    return made


def main(model: Model | str = "local") -> Any:
    """Ask a question, with an answer that is made to fit a type."""
    connection = database()
    schema = "\n".join(row[0] for row in connection.execute("SELECT sql FROM sqlite_master"))

    @tool(effect="read")
    def query(sql: str) -> list[dict[str, Any]]:
        """Run one SELECT of SQLite and give its rows as dicts. What is wrong with it is raised."""
        try:
            cursor = connection.execute(sql)
        except sqlite3.Error as error:
            raise ValueError(f"{error}. Write another SELECT, with columns that there are:\n{schema}") from error
        return [dict(zip([column[0] for column in cursor.description], row, strict=True)) for row in cursor]

    agent = CodeAgent(
        tools=[query], model=model, instructions=f"The database:\n{schema}", result_type=list[str],
        observers=[TerminalObserver()],
    )  # fmt: skip
    return agent.run("Which planets have more than 20 moons? Give their names, most moons first.")


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
