"""Copies of a live interpreter, for sessions that may be forked: behind the same wall, each with a wire of its own.

The host sends the copy's descriptors through a socket at 4 and then asks for the fork on the wire. The copy
puts them in the places of its parent's, and says so through its own socket at 4, where the kernel tells the
host which process that was. No process behind this wall may signal any, so that none can signal another:
what an interpreter needs of signals to itself is done by timers.
"""

import array
import ctypes
import errno
import os
import random
import signal
import socket
import struct
import threading
import warnings

import linux
import root

__all__ = ("Nursery", "begin")

WIRE, NURSERY = 3, 4
_ABSOLUTE, _THREAD_ID = 1, 4
_MOST_TIMERS, _MOST_LOOKS = 64, 10000
_kept = []
"""What belongs to the parent and may not be closed here: an event loop shares its poll with the parent's."""


def begin():
    """Become the first process and return in the second; the first reaps, and ends when nobody is left."""
    if os.fork():
        os.closerange(0, 4096)
        while True:
            try:
                os.wait()
            except ChildProcessError:
                os._exit(0)
    return Nursery()


class Nursery:
    """This process's end of the socket by which it gets the descriptors of its copies."""

    def __init__(self):
        self._fork, self._timers = os.fork, {}
        self._native = {threading.get_ident(): threading.get_native_id()}
        os.fork = _refuse
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # copies that have ended leave nothing to wait for
        os.kill, signal.raise_signal, signal.pthread_kill = self._kill, self._raise, self._strike
        self.announce()

    def announce(self):
        """Let the host know which process this is."""
        with socket.socket(fileno=os.dup(NURSERY)) as ours:
            ours.send(b".")

    def fork(self, worker, threads):
        """Split in two. Gives why not, or None; returns in the copy too, when that is ready."""
        handles = self._receive()
        try:
            why = "its descriptors did not come" if len(handles) != 2 else _hindrance(worker, threads)
            if why:
                return why
            handles.append(os.open(root.WORKDIR, os.O_TMPFILE | os.O_RDWR | os.O_APPEND, 0o600))  # counted as disk
            state = random.getstate()  # the module would draw another one in a copy
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", DeprecationWarning
                )  # of the wire's own thread, which a copy does not need
                made = self._fork()
            if made == 0:
                self._be_born(worker, handles)
                random.setstate(state)
            return None
        except OSError as error:
            return error.strerror
        finally:
            for handle in handles:
                os.close(handle)

    def _receive(self):
        handles = array.array("i")
        with socket.socket(fileno=os.dup(NURSERY)) as ours:
            ours.setblocking(False)
            try:
                _, ancillary, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(8))
            except BlockingIOError:
                ancillary = ()
        for _, _, data in ancillary:
            handles.frombytes(data[: len(data) // 4 * 4])
        return handles

    def _be_born(self, worker, handles):
        """Leave what is the parent's and take the places that the host has made."""
        wire, nursery, output = handles
        for source, target in ((output, 1), (output, 2), (wire, WIRE), (nursery, NURSERY)):
            os.dup2(source, target, inheritable=False)
        self._timers, self._native = {}, {threading.get_ident(): threading.get_native_id()}
        _kept.append(worker.leave_loop())
        worker.take_wire()
        self.announce()

    def _kill(self, pid, number):
        if pid != os.getpid():
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        self._send(threading.get_native_id(), number)

    def _raise(self, number):
        self._send(threading.get_native_id(), number)

    def _strike(self, thread, number):
        known = {each.ident: each.native_id for each in threading.enumerate()}
        found = self._native.get(thread) or known.get(thread)
        if found is None:
            raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))
        self._send(found, number)

    def _send(self, thread, number):
        """Have a timer that ran out long ago signal a thread of this process."""
        timer = self._timers.get((thread, number))
        if timer is None:
            if len(self._timers) >= _MOST_TIMERS:
                _, old = self._timers.popitem()
                linux.call("timer_delete", old)
            event = ctypes.create_string_buffer(struct.pack("QiiI44x", 0, number, _THREAD_ID, thread), 64)
            made = ctypes.create_string_buffer(4)
            linux.call("timer_create", 1, event, made)
            timer = self._timers[thread, number] = struct.unpack("i", made)[0]
        when = ctypes.create_string_buffer(struct.pack("qqqq", 0, 0, 0, 1), 32)
        linux.call("timer_settime", timer, _ABSOLUTE, when, None)
        for _ in range(_MOST_LOOKS):  # a signal to oneself is there when the call returns
            linux.call("timer_gettime", timer, when)
            if not any(struct.unpack("qqqq", when)):
                break


def _refuse():
    raise PermissionError(errno.EPERM, "programs may not fork themselves; their sessions can be forked")


def _hindrance(worker, threads):
    """Why this interpreter cannot be copied as it is: a copy has the thread that makes it and no other."""
    left = threads - worker.own_threads()
    if left:
        named = [each.name for each in threading.enumerate() if each is not threading.main_thread()]
        return "{} of its threads still run{}; end them first".format(left, _in_words(named))
    waiting = worker.waiting_tasks()
    return "{} of its asyncio tasks are not done; await or cancel them first".format(waiting) if waiting else None


def _in_words(names):
    return " ({})".format(", ".join(names[:5])) if names else ""
