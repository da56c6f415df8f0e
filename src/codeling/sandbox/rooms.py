"""Several sessions behind one wall, each forked from another: they share a room and its quota, and end one by one.

The room's first process is nobody's: it reaps. A copy says through a socket of its own that it lives, and the
kernel says which process that was, so that no program can name another one as itself.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..errors import SandboxError
from .cgroups import Group
from .sealed import WATCHDOG, SealedWorker
from .watchdog import Quota, below

__all__ = ("Newborn", "Resident", "Room", "nursery")

_PATIENCE = 20.0
"""Seconds for what takes some milliseconds: a program may have seen to it that it never comes."""
_CREDENTIALS = struct.Struct("3i")


class Room:
    """What sessions that were forked from each other have in common."""

    def __init__(
        self, *, pid: int, handle: int, forks: int, quota: Quota, group: Group | None,
        endings: tuple[Callable[[SealedWorker], None], ...],
    ) -> None:  # fmt: skip
        """Take over the first process, by its pidfd. `endings` are called before the last session is ended."""
        self.pid, self._handle, self._forks = pid, handle, forks
        self.why: str | None = None
        self._quota, self._group, self._endings = quota, group, endings
        self._lock, self._members, self._pids = threading.Lock(), 0, set[int]()
        quota.kill, quota.signal = self.excess, self.signal
        WATCHDOG.watch(quota)

    def first(self, wire: socket.socket, ours: socket.socket) -> Resident:
        """Give the session that the room begins with. Raises `SandboxError` where it does not come."""
        self.enter()
        return Newborn(self, wire, ours).arrive()

    def enter(self) -> None:
        """Take a place. Raises `SandboxError` where there is none."""
        with self._lock:
            if self._members > self._forks:
                raise SandboxError(
                    f"forks={self._forks}: so many forks of one session live already; close one of them first"
                )
            self._members += 1

    def _claim(self, pid: int) -> None:
        with self._lock:
            if pid in self._pids:
                raise SandboxError("the session could not be forked: its process says that it is its own copy")
            self._pids.add(pid)

    def arrival(self, ours: socket.socket) -> tuple[int, int]:
        """Wait for a new process to say that it lives; give its number and its pidfd. Raises `SandboxError`."""
        ours.settimeout(_PATIENCE)
        message, ancillary, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(_CREDENTIALS.size))
        found = [data for _, kind, data in ancillary if kind == socket.SCM_CREDENTIALS]
        if not message or not found:
            raise SandboxError("the sandbox did not start: its process ended")
        pid = int(_CREDENTIALS.unpack(found[0])[0])
        handle = os.pidfd_open(pid)
        try:
            if pid not in below(self.pid):  # it has ended, and the number may be another's by now
                raise SandboxError("the sandbox did not start: its process ended")
            self._claim(pid)
        except SandboxError:
            os.close(handle)
            raise
        return pid, handle

    def leave(self, pid: int = 0) -> None:
        """Give the place back; with the last one the room ends."""
        with self._lock:
            self._pids.discard(pid)
            self._members -= 1
            last = self._members == 0
        if last:
            WATCHDOG.forget(self._quota)
            self.signal(signal.SIGKILL)
            poll = select.poll()
            poll.register(self._handle, select.POLLIN)
            poll.poll(2000)
            os.close(self._handle)
            killed = self._group.end() if self._group else None
            self.why = self.why or killed

    def leaving(self, worker: SealedWorker) -> None:
        """Before a session is ended: do what is done before the last one is."""
        if self._members == 1:
            for ending in self._endings:
                ending(worker)

    def excess(self, why: str) -> None:
        """End all sessions because they took more than they may."""
        self.why = why
        self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Send the first process a signal, if it lives."""
        with suppress(OSError):
            signal.pidfd_send_signal(self._handle, number)


class Resident(SealedWorker):
    """One session of a room."""

    def __init__(self, room: Room, *, pid: int, handle: int, wire: int, nursery: socket.socket) -> None:
        """Take over the descriptors of a session that has a place in the room already."""
        super().__init__(
            pid=pid, handle=handle, wire=wire, isolation="full", workdir=None, ended=lambda pid: None,
            endings=(room.leaving,),
        )  # fmt: skip
        self._room, self._nursery = room, nursery

    def kill(self) -> None:
        """End this session, and the room with its last one."""
        if self._end():
            self._nursery.close()
            self._room.leave(self.pid)

    def trouble(self) -> str | None:
        """Why it ended, where that is known."""
        return self._room.why or super().trouble()

    def threads(self) -> int:
        """How many threads it has now. Raises `SandboxError`."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            raise SandboxError("the session could not be forked: its process ended") from None
        return int(stat.rpartition(")")[2].split()[17])

    def conceive(self) -> Newborn:
        """Give it the descriptors of a copy. Raises `SandboxError` where it cannot have one."""
        self._room.enter()
        wire, their_wire = socket.socketpair()
        ours, theirs = nursery()
        newborn = Newborn(self._room, wire, ours)
        try:
            with their_wire, theirs:
                self._nursery.settimeout(_PATIENCE)
                socket.send_fds(self._nursery, [b"."], [their_wire.fileno(), theirs.fileno()])
        except OSError as error:
            newborn.drop()
            raise SandboxError(f"the session could not be forked: {error}") from error
        return newborn


class Newborn:
    """A copy that has been asked for: `arrive` when its parent has said that it is there, or `drop`."""

    def __init__(self, room: Room, wire: socket.socket, ours: socket.socket) -> None:
        """Take over our ends of its wire and of its nursery, and a place in the room."""
        self._room, self._wire, self._nursery = room, wire, ours
        self._open = True

    def arrive(self) -> Resident:
        """Give the session. Raises `SandboxError` where no copy has come."""
        try:
            pid, handle = self._room.arrival(self._nursery)
        except (OSError, SandboxError):
            self.drop()
            raise
        self._open = False
        self._wire.setblocking(False)
        return Resident(self._room, pid=pid, handle=handle, wire=self._wire.detach(), nursery=self._nursery)

    def drop(self) -> None:
        """Give it up, if it has not arrived."""
        if self._open:
            self._open = False
            self._wire.close()
            self._nursery.close()
            self._room.leave()


def nursery() -> tuple[socket.socket, socket.socket]:
    """A pair of sockets; our end, the first, is told by the kernel who sends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    return ours, theirs
