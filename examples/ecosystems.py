"""One program, tools from everywhere: an MCP server, LangChain, a Gradio Space, and a live database connection.

The program runs in the sandbox and reaches none of them but by calling; the connection never leaves this process.

pip install 'codeling[mcp,langchain,hub]' mcp-server-time
python examples/ecosystems.py [MODEL] [SPACE]

SPACE is the name of a Space that greets, or the address of a running Gradio app; without it there is none.
"""

from __future__ import annotations

import sqlite3
import sys
from typing import Any

from langchain_core.tools import tool as langchain_tool
from mcp_tools import SERVER

from codeling import CodeAgent, MCPClient, Model, TerminalObserver, Tool, tool

TASK = (
    "Each call in the table 'calls' has a city's time zone and a local time. Find for each call what time it is in "
    "UTC then, and answer with a dict from the caller's badge to that time."
)


@langchain_tool
def badge(first_name: str, number: int) -> str:
    """Make a caller's badge of a name and a number, such as ANN-007."""
    return f"{first_name.upper()}-{number:03}"


def database() -> Tool:
    """Give a tool that queries a live connection."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.execute("create table calls (name text, number integer, zone text, time text)")
    rows = [("Ann", 7, "Asia/Tokyo", "09:00"), ("Bo", 12, "Asia/Kolkata", "17:30")]
    connection.executemany("insert into calls values (?, ?, ?, ?)", rows)

    @tool(effect="read")
    def query(sql: str) -> list[dict[str, Any]]:
        """Query the database and give the rows as dicts."""
        cursor = connection.execute(sql)
        return [dict(zip([column[0] for column in cursor.description], row, strict=True)) for row in cursor]

    return query


def main(model: Model | str = "local", space: str | None = None) -> Any:
    """Answer with all of them."""
    spaces = [Tool.from_space(space)] if space else []
    with MCPClient(SERVER) as client:
        tools = [*client, Tool.from_langchain(badge, effect="read"), database(), *spaces]
        task = f"{TASK} Greet each caller by the Space, too." if space else TASK
        return CodeAgent(tools, model, observers=[TerminalObserver()]).run(task)


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
