"""An agent as the options of a command line describe it: what they are, and what is made of them."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from ..errors import UsageError
from ..lookup import load

__all__ = ("add_agent_options", "agent_from", "count")


def add_agent_options(command: Any, *, stored: bool = False, steps: bool = True) -> None:
    """Add the options that say which agent it is; with `stored`, what they leave open is taken from a stored run."""
    agent = command.add_argument_group("the agent, as the run began if not told otherwise" if stored else "the agent")
    agent.add_argument("--model", metavar="NAME", help="a short name, such as openai:gpt-5 (default: local)")
    agent.add_argument("--tools", metavar="TOOL", nargs="+", action="extend", default=[], help="what programs may call")
    agent.add_argument(
        "--agent", choices=("code", "calls"), default="code", help="act by programs, or by JSON tool calls"
    )
    agent.add_argument("--instructions", metavar="TEXT", help="what the model is told besides the task")
    if steps:
        agent.add_argument(
            "--max-steps", metavar="N", type=count, default=20, help="after N steps ask for the best answer (20)"
        )
    programs = command.add_argument_group("programs")
    programs.add_argument("--executor", metavar="NAME", help="where programs run (default: sandbox)")
    programs.add_argument(
        "--imports", metavar="MODULE", nargs="*", action="extend",
        help="programs may import the standard library and these only; by default whatever is installed",
    )  # fmt: skip
    server = command.add_argument_group("the model's server")
    server.add_argument("--api-base", metavar="URL", help="its address, for any server that speaks OpenAI's dialect")
    server.add_argument("--api-key-env", metavar="VAR", help="the environment variable that holds its key")
    if stored:
        command.set_defaults(tools=None, agent=None, max_steps=None)


def agent_from(options: Namespace, more: Sequence[Any] = (), *, rules: str | None = None) -> Any:
    """Give the agent that the options describe, with `more` tools and `rules` than they name. Raises `UsageError`."""
    journal = options.journal and load("codeling.cli.described:describing_journal")(options)
    shared = {
        "instructions": "\n".join(filter(None, (rules, options.instructions))) or None, "journal": journal or None,
        "max_steps": options.max_steps, "approver": load("codeling.cli.asking:asker")(),
    }  # fmt: skip
    tools = [*load("codeling.cli.loading:tools_named")(options.tools), *more]
    own: dict[str, Any] = {"executor": options.executor, "additional_authorized_imports": options.imports}
    if options.agent == "calls" and any(value is not None for value in own.values()):
        raise UsageError("--executor and --imports are for programs; with --agent calls none are run")
    kind = load(f"codeling.agent:{'CodeAgent' if options.agent == 'code' else 'ToolCallingAgent'}")
    if options.executor:  # a wrong name is said before weights are fetched
        own["executor"] = load("codeling.executors.registry:executor_from")(options.executor)
    model = load("codeling.cli.loading:model_named")(options.model, base=options.api_base, key_env=options.api_key_env)
    return kind(tools, model, **shared, **(own if options.agent == "code" else {}))


def count(text: str) -> int:
    """Give a number of steps. Raises what argparse says to the person."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of steps; give 1 or more")
    return int(text)
