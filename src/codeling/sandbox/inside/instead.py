"""What Python asks for by itself and the filter refuses: the same by other means, for the modules that ask.

Shared memory without a file: the kernel keeps all its pages until the last one is unmapped, and no limit counts
those that are not. For one process private memory is the same; several get a file without a name.
"""

import importlib
import mmap
import os
import socket
import sys

__all__ = ("install", "pairs_are_small")

_KIND, _SHARED = 15, (1, 3)
_MOST = 1 << 19


def pairs_are_small():
    """Whether socket pairs have the buffers that most systems give them, so that all that a program can fill are little."""
    first, second = socket.socketpair()
    with first, second:
        return first.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= _MOST


def install(*, folder, messages, pairs, network):
    """Teach the modules of this interpreter.

    `folder` is where processes share files, or None where there is one process only; `messages` whether
    sendmsg is allowed, `pairs` whether socket pairs are, `network` whether there is any.
    """
    mmap.mmap = _mapping(mmap.mmap, folder)
    events = _event_loops(network)
    if not messages:
        events._HAS_SENDMSG = False
    if not pairs:
        events.BaseSelectorEventLoop._make_self_pipe = _make_self_pipe


def _event_loops(network):
    """Import asyncio: without `ssl` where nobody could use that, for it is large and every worker would have it."""
    hidden = not network and "ssl" not in sys.modules
    if hidden:
        sys.modules["ssl"] = None
    try:
        return importlib.import_module("asyncio.selector_events")
    finally:
        if hidden:
            del sys.modules["ssl"]


def _mapping(original, folder):
    both = mmap.PROT_READ | mmap.PROT_WRITE

    class Mapping(original):
        __slots__ = ()
        __doc__ = original.__doc__

        def __new__(cls, fileno, length, flags=mmap.MAP_SHARED, prot=both, access=mmap.ACCESS_DEFAULT, **more):
            named = {"flags": flags, "prot": prot, "access": access, **more}
            if fileno != -1 or access == mmap.ACCESS_COPY or flags & _KIND not in _SHARED:
                return original.__new__(cls, fileno, length, **named)
            if folder is not None and length > 0:
                return _of_file(folder, length, lambda handle: original.__new__(cls, handle, length, **named))
            if access != mmap.ACCESS_DEFAULT:
                named["prot"], named["access"] = (both if access == mmap.ACCESS_WRITE else mmap.PROT_READ), 0
            named["flags"] = flags & ~_KIND | mmap.MAP_PRIVATE
            return original.__new__(cls, fileno, length, **named)

    Mapping.__name__ = Mapping.__qualname__ = "mmap"
    Mapping.__module__ = "mmap"
    return Mapping


def _of_file(folder, length, make):
    handle = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(handle, 0, length)
        return make(handle)
    finally:
        os.close(handle)


class _End:
    """An end of a pipe, used as a socket."""

    def __init__(self, handle):
        self._handle = handle
        os.set_blocking(handle, False)

    def fileno(self):
        return self._handle

    def recv(self, size):
        return os.read(self._handle, size)

    def send(self, data):
        return os.write(self._handle, data)

    def close(self):
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = -1


def _make_self_pipe(loop):
    """Give an event loop the two ends by which it is woken."""
    loop._ssock, loop._csock = map(_End, os.pipe())
    loop._internal_fds += 1
    loop._add_reader(loop._ssock.fileno(), loop._read_from_self)
