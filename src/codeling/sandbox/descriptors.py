"""Room for many sandboxes in one process: each takes two descriptors, and most systems grant only 1,024 at first.

The soft limit is the process's own to raise, up to the hard one. Processes that are started later inherit it;
those behind the wall have a limit of their own.
"""

from __future__ import annotations

import os
import resource

from ..errors import SandboxError

__all__ = ("make_room",)

_SPARE = 64
"""Left for whatever else the process opens."""


def make_room() -> None:
    """Raise the soft limit where it is near. Raises `SandboxError` where the hard one is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        lowest = os.open(os.devnull, os.O_RDONLY)
        os.close(lowest)
    except OSError:  # nothing is free
        lowest = soft
    if soft == resource.RLIM_INFINITY or lowest + _SPARE < soft:
        return
    if soft == hard:
        raise SandboxError(
            f"this process may have {hard} open descriptors and is near that; a sandbox takes two. Run less at once, "
            "or raise the limit: ulimit -Hn, LimitNOFILE= in systemd, --ulimit nofile= in Docker"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
