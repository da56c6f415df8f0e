"""Tools of an MCP server in an agent's programs: here the time server, started on this machine.

pip install 'codeling[mcp]' mcp-server-time
python examples/mcp_tools.py [MODEL]
"""

from __future__ import annotations

import sys
from typing import Any

from codeling import CodeAgent, MCPClient, Model, TerminalObserver

SERVER = {"command": sys.executable, "args": ["-m", "mcp_server_time", "--local-timezone", "UTC"]}


def main(model: Model | str = "local") -> Any:
    """Ask for the time of a meeting somewhere else."""
    with MCPClient(SERVER) as client:
        agent = CodeAgent(tools=client, model=model, observers=[TerminalObserver()])
        return agent.run("A meeting is at 14:30 in Asia/Tokyo. What time is that in Asia/Kolkata? Answer as HH:MM.")


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
