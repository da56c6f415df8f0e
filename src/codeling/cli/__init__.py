"""The command `codeling`. Importing this does nothing: each command is a file, loaded when it is called.

Answers go to stdout and everything else to stderr, so that pipes work. A command raises codeling's errors;
here, in one place, they become a sentence and an exit code.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

from ..errors import EndsRun, UsageError
from ..lookup import load

__all__ = ("EXITS", "main")

EXITS = {"success": 0, "failed": 1, "usage": 2, "limit": 3, "max_steps_error": 3, "paused": 4, "interrupted": 130}
"""The exit codes, by the state of a run; `codeling --help` explains them."""
_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments and give its exit code."""
    try:
        options = load("codeling.cli.parser:parser")().parse_args(argv)
        code = int(load(options.command)(options))
        sys.stdout.flush()
        return code
    except SystemExit as end:  # argparse has said why
        return end.code if isinstance(end.code, int) else EXITS["usage"]
    except KeyboardInterrupt:
        return EXITS["interrupted"]
    except BrokenPipeError:
        return _hushed()
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename:
            raise
        _hushed()
        say("error: the answer could not be written: no space is left on the disk")
        return EXITS["failed"]
    except EndsRun as error:
        say(f"error: {error}")
        return EXITS["usage" if isinstance(error, UsageError) else error.state]


def say(text: str) -> None:
    """Tell the person something, safely and beside the answer."""
    print(f"codeling: {load('codeling.observers.text:visible')(text)}", file=sys.stderr)


def _hushed() -> int:
    """Nobody reads stdout any more: keep Python from complaining about it when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _BROKEN_PIPE
