"""Words for a wall that cannot be had: which layer is missing, and what would give it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..errors import IsolationUnavailable

__all__ = ("check_platform", "namespaces_remedy", "reason")

_LANDLOCK = (
    "the kernel has no Landlock: it needs Linux 5.13 or newer, built with CONFIG_SECURITY_LANDLOCK, and landlock "
    "in the kernel parameter lsm=. Use another executor until then"
)
_SETTINGS = (
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=15000"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile of this interpreter with userns",
    ),
)  # fmt: skip
"""Kernel settings that refuse user namespaces, the value that does, and what to do about it."""


def check_platform() -> None:
    """Refuse where there is no wall for this operating system. Raises `IsolationUnavailable`."""
    if sys.platform not in ("linux", "darwin"):
        raise IsolationUnavailable(
            f"there is no wall for {sys.platform}: run codeling in WSL2 or a container, use MontyExecutor "
            "(pip install 'codeling[monty]': a subset of Python in a safe worker, on every platform), or an executor "
            "further away, such as E2BExecutor or CommandExecutor over ssh"
        )


def reason(isolation: str, failure: str) -> str:
    """Say what is missing for this isolation, given how the attempt failed, and how to get it."""
    remedy = _LANDLOCK if "landlock" in failure.lower() else namespaces_remedy()
    return f"isolation={isolation!r} cannot be had on this machine ({failure}): {remedy}"


def namespaces_remedy() -> str:
    """Say which setting of this machine refuses user namespaces."""
    found = [remedy for path, value, remedy in _SETTINGS if _read(path) == value]
    if not found and _in_container():
        found = ["a seccomp profile of the container that allows unshare, clone with namespaces, mount and pivot_root"]
    found = found or [remedy for _, _, remedy in _SETTINGS]
    ways = "; or ".join(found)
    return f"user namespaces are refused here. Allow them ({ways}), or ask for isolation='strong', which needs none"


def _in_container() -> bool:
    return os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv") or "container" in os.environ


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return ""
