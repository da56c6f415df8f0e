"""What is left of containers whose owner is gone, and images that are built for them.

Every container of ours says in a label who owns it: the machine's boot, the process and when that
started. A container whose owner is known to be dead is removed by the next owner on that machine.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import SandboxError, UsageError

__all__ = ("LABEL", "build", "check_runtime", "owner", "reap", "unwrapped")

LABEL = "codeling.owner"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@cache
def _machine() -> tuple[str, str, str]:
    """The host's name, its boot, and the namespace in which process numbers mean something."""
    boot = _BOOT.read_text().strip() if _BOOT.exists() else ""
    namespace = Path("/proc/self/ns/pid")
    return socket.gethostname(), boot, str(namespace.readlink()) if namespace.exists() else ""


def owner() -> str:
    """Say who owns what this process starts."""
    host, boot, namespace = _machine()
    who = {"host": host, "boot": boot, "pids": namespace, "pid": os.getpid(), "since": _since(os.getpid())}
    return json.dumps(who, sort_keys=True)


def reap(client: Any) -> list[str]:
    """Remove containers whose owner is dead; give their ids. What another machine owns is left alone."""
    from docker.errors import APIError

    reaped = []
    for found in client.containers(all=True, filters={"label": LABEL}):
        if _is_dead(found["Labels"].get(LABEL, "")):
            with suppress(APIError):  # another owner may be removing it
                client.remove_container(found["Id"], force=True)
                reaped.append(found["Id"])
    return reaped


def build(client: Any, *, image: str, dockerfile: str | os.PathLike[str] | None, packages: Sequence[str]) -> str:
    """Build what was asked for and give the image's name; without packages and Dockerfile that is `image`.

    Raises `SandboxError` with the end of the build's output.
    """
    if dockerfile is not None:
        path = Path(dockerfile).resolve()
        if not path.is_file():
            raise UsageError(f"there is no Dockerfile {str(path)!r}")
        key = hashlib.sha256(str(path).encode()).hexdigest()[:12]
        image = _built(client, f"codeling-built:{key}", path=str(path.parent), dockerfile=path.name)
    if packages:
        install = json.dumps(["python3", "-m", "pip", "install", "--no-cache-dir", *packages])
        text = f"FROM {image}\nUSER root\nRUN {install}\n"
        key = hashlib.sha256(text.encode()).hexdigest()[:12]
        image = _built(client, f"codeling-packages:{key}", fileobj=io.BytesIO(text.encode()))
    return image


def check_runtime(client: Any, wanted: str | None) -> None:
    """Raise `SandboxError` where the daemon would silently take another runtime than the one asked for."""
    if wanted is None or "Podman" not in str(client.version().get("Components")):
        return  # Docker itself refuses what it does not have
    default = client.info().get("DefaultRuntime")
    if default != wanted:
        raise SandboxError(
            f"Podman ignores runtime={wanted!r} of Docker's API and would take {default!r}: make it the default in its "
            "containers.conf"
        )


def _built(client: Any, tag: str, **source: Any) -> str:
    from docker.errors import DockerException

    said: list[str] = []
    failed = False
    try:
        for line in client.build(tag=tag, rm=True, forcerm=True, decode=True, **source):  # to its end: it is a socket
            said.append(str(line.get("stream") or line.get("error") or ""))
            failed = failed or "error" in line
    except DockerException as error:
        raise SandboxError(f"the image could not be built: {error}. {''.join(said)[-1000:]}".strip()) from error
    if failed:
        raise SandboxError(f"the image could not be built: {''.join(said)[-1500:].strip()}")
    return tag


def _since(pid: int) -> str:
    """When a process started, in ticks since the boot; an empty text where that cannot be known."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _is_dead(label: str) -> bool:
    host, boot, namespace = _machine()
    try:
        who: Mapping[str, Any] = dict(json.loads(label))
        pid, since = int(who["pid"]), str(who["since"])
    except (ValueError, TypeError, KeyError):
        return False
    if who.get("host") != host or not boot:
        return False
    if who.get("boot") != boot:
        return True
    return who.get("pids") == namespace and (not _lives(pid) or _since(pid) != since)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def unwrapped(chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Give each piece of Docker's multiplexed stream with its channel: 1 for output, 2 for errors.

    A header of 8 bytes, channel and big-endian length, stands before each piece
    (Docker Engine API, "Attach to a container").
    """
    kept = bytearray()
    for chunk in chunks:
        kept += chunk
        while len(kept) >= 8:
            size = int.from_bytes(kept[4:8], "big")
            if len(kept) < 8 + size:
                break
            yield kept[0], bytes(kept[8 : 8 + size])
            del kept[: 8 + size]
