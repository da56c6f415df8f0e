"""`codeling serve mcp`: an agent as an MCP server, on stdio or streamable HTTP."""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from ..errors import AgentError, UsageError
from ..events import RunFinished, RunStarted, StepFinished
from ..lookup import load
from . import say
from .parser import Help

__all__ = ("add", "serve", "server_of")

_ABOUT = """\
With stdio the program that starts this speaks to it, and with --http any client of the machine; there is no
password. Each step is told as progress.

examples:
  codeling serve mcp --tools examples/tables.py
  codeling serve mcp my_agent.py --http 8765
"""

_MOST_TOLD = 200


def add(commands: Any) -> None:
    """Say what the command takes."""
    command = commands.add_parser(
        "serve", usage="codeling serve mcp [FILE.py] [options]", help="offer an agent to other programs",
        description="Offer an agent as an MCP server with one tool, run(task), until it is stopped.", epilog=_ABOUT,
        formatter_class=Help,
    )  # fmt: skip
    command.set_defaults(command="codeling.cli.serve:serve", task="")
    command.add_argument("protocol", choices=("mcp",), help="what it speaks")
    command.add_argument("file", nargs="?", metavar="FILE.py", help="a file that defines `agent`; else by the options")
    server = command.add_argument_group("the server")
    server.add_argument("--http", metavar="PORT", type=int, help="serve streamable HTTP at /mcp instead of stdio")
    server.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    server.add_argument(
        "--journal",
        metavar="FILE",
        help="keep the events of runs in this journal: an SQLite file, or a postgresql:// address",
    )
    load("codeling.cli.agents:add_agent_options")(command)


def serve(options: Namespace) -> int:
    """Serve until the client leaves or the process is stopped. Raises `UsageError`, `MissingDependency`."""
    if options.file:
        agent = load("codeling.cli.loading:agent_in")(options.file)
    else:
        agent = load("codeling.cli.agents:agent_from")(options)
        agent.approver = None  # the terminal is the protocol's: a call that needs a person pauses its run
    server = server_of(agent)
    if options.http is None:
        server.run("stdio")
    elif not 0 < options.http < 65536:
        raise UsageError(f"{options.http} is no port; give one from 1 to 65535")
    else:
        say(f"serving at http://{options.host}:{options.http}/mcp")
        server.run("streamable-http", host=options.host, port=options.http)
    return 0


def server_of(agent: Any) -> Any:
    """Give an SDK server with one tool, `run`, that has the agent work on a task."""
    needed = load("codeling.forms.libraries:needed")
    library = needed("mcp.server.mcpserver", extra="mcp", by="codeling serve mcp")
    types = needed("mcp_types", extra="mcp", by="codeling serve mcp")
    shown = needed("mcp.server.mcpserver.exceptions", extra="mcp", by="codeling serve mcp").ToolError
    logging.getLogger("mcp").setLevel(logging.WARNING)

    async def run(task: str, context: Any) -> dict[str, Any]:
        try:
            return await _work(agent, task, context)
        except AgentError as error:  # of others the client learns no more than that they happened
            raise shown(f"{type(error).__name__}: {error}") from error

    run.__doc__ = agent.description or "Work on a task given in plain words, by writing and running Python."
    run.__annotations__ = {"task": str, "context": library.Context, "return": dict[str, Any]}
    name = agent.name or "codeling"
    server = library.MCPServer(name, instructions="Give run a whole task; it answers when the work is done.")
    hints = types.ToolAnnotations(title=f"Ask {name}", read_only_hint=False, destructive_hint=False)
    server.tool(annotations=hints)(run)
    return server


async def _work(agent: Any, task: str, context: Any) -> dict[str, Any]:
    """Run the agent and tell the client of each step."""
    ended, run_id, steps, most = None, "", 0, agent.max_steps
    async for event in agent.astream(task):
        if event.run_id != (run_id := run_id or event.run_id):
            continue  # of an agent below
        if isinstance(event, RunStarted):
            most = event.max_steps
        elif isinstance(event, StepFinished):
            steps += 1
            await context.report_progress(steps, max(most, steps), _told(event))
        elif isinstance(event, RunFinished):
            ended = event
    found: Mapping[str, Any] = {"state": ended.state, "answer": ended.output} if ended else {}
    answer = load("codeling.integrations.jsonable:jsonable")(found.get("answer"))
    return {"answer": answer, "state": found.get("state"), "run_id": run_id, "steps": steps}


def _told(finished: StepFinished) -> str:
    """A step in one line: what failed, or what it printed last."""
    lines = (finished.error or finished.output or finished.value or finished.code or "").strip().splitlines()
    return f"step {finished.step}: {lines[-1][:_MOST_TOLD] if lines else 'done'}"
