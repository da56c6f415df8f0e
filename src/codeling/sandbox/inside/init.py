"""The first process of a worker that may start others: it reaps what nobody waits for, and ends with the worker.

When it ends, the kernel ends all that is left in its pid namespace; so nothing that a program starts,
however it hides, outlives the session. It is sealed like the worker, and a program cannot signal or
trace it.
"""

import io
import os
import signal
import socket
import sys

__all__ = ("split",)


def split():
    """Become the first process and return in the second, which is the worker."""
    ours, theirs = socket.socketpair()
    made = os.fork()
    if made:
        _attend(made)
    theirs.close()
    os.set_inheritable(ours.fileno(), False)
    os.register_at_fork(after_in_child=lambda: _forked(ours.fileno()))


def _attend(worker):
    """Pass the host's interrupts on and reap, until the worker ends; then end as it did."""
    os.closerange(0, 4096)
    signal.signal(signal.SIGINT, lambda number, frame: os.kill(worker, signal.SIGINT))
    while True:
        pid, status = os.wait()
        if pid == worker:
            os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


def _forked(broken):
    """In a copy that a program made of itself: the wire is the worker's alone, and output goes to the file."""
    os.dup2(broken, 3, inheritable=False)
    sys.stdout = sys.stderr = io.TextIOWrapper(open(1, "wb", 0, closefd=False), "utf-8", "replace", write_through=True)
