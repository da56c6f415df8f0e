"""Programs on another machine, reached by the system's ssh client.

Covered: what that machine's account and sshd cover. Not covered: this file puts no wall around the
worker, which may do there whatever the account may. Keys, known hosts, jumps and everything else are
ssh's own configuration; nothing is asked, so what would ask fails.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from ..errors import UsageError
from .command import CommandExecutor

__all__ = ("SSHExecutor",)


class SSHExecutor(CommandExecutor):
    """Runs programs on a host that `ssh` reaches without a question."""

    def __init__(
        self, host: str, *, python: str = "python3", port: int | None = None, options: Sequence[str] = (),
        timeout: float = 30.0, output_limit: int = 1 << 20,
    ) -> None:  # fmt: skip
        """Set the host, such as `"user@host"` or a name of ssh's configuration, and its CPython 3.8 or newer.

        `options` are arguments of ssh, such as `["-i", "key"]`. `timeout` is in seconds of a program's
        own running. Raises `UsageError` for a host that is an option.
        """
        if host.startswith("-"):  # which ssh would take for an option, in the command of the hint too
            raise UsageError(f"{host!r} is no host; give its name, such as 'user@host', and options= for options")
        quiet = ["-T", "-e", "none", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=15"]
        at = ["-p", str(port)] if port is not None else []
        by_hand = shlex.join(["ssh", *options, *at, host, python, "--version"])
        super().__init__(  # noqa: S604  # quoted for the far shell; none here
            ["ssh", *options, *quiet, *at, "--", host, python], shell=True, isolation=f"ssh:{host}", timeout=timeout,
            output_limit=output_limit, hint=f"See that `{by_hand}` answers without a question",
        )  # fmt: skip
