"""Runs inside a Jupyter kernel: starts the worker as a process and passes its bytes through a comm.

It is sent as source, with the names `target`, `bootstrap` and `size` set. Messages are paced, because
Jupyter servers drop what comes faster than they like (`iopub_msg_rate_limit`).
"""

__all__ = ()

import base64
import os
import signal
import subprocess
import sys
import threading
import time

MOST_A_SECOND = BURST = 250
PATIENCE = 60


class Pump:
    """One worker and its comm."""

    def __init__(self, comm):
        self.comm, self.number, self.quiet = comm, 0, 0
        self.lock = threading.Lock()
        command = [sys.executable, "-I", "-u", "-c", bootstrap, str(size)]  # noqa: F821  # set by who sent this
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=True
        )
        comm.on_msg(self.take)
        comm.on_close(lambda message: self.kill())
        for job in (self.give, self.watch):
            threading.Thread(target=job, daemon=True).start()

    def take(self, message):
        """Give the worker what came for it."""
        self.quiet = 0
        data = base64.b64decode(message["content"]["data"].get("bytes", ""))
        try:
            while data:
                data = data[self.process.stdin.write(data) :]
        except OSError:
            pass

    def give(self):
        """Send what the worker writes, and at its end how it ended."""
        due = 0.0
        while True:
            chunk = os.read(self.process.stdout.fileno(), 1 << 18)
            if not chunk:
                break
            self.send(bytes=base64.b64encode(chunk).decode())
            now = time.monotonic()
            due = max(due, now) + 1 / MOST_A_SECOND
            time.sleep(max(0.0, due - now - BURST / MOST_A_SECOND))
        said = self.process.stderr.read(2000).decode("utf-8", "replace")
        self.send(code=self.process.wait(), said=said)

    def send(self, **data):
        """Send a message with its number."""
        with self.lock:
            self.comm.send(dict(data, number=self.number))
            self.number += 1

    def watch(self):
        """End a worker whose host says nothing any more. Time in which the kernel is too busy to hear is not counted."""
        heard = threading.Event()
        while self.process.poll() is None and self.quiet < PATIENCE:
            loop.call_soon_threadsafe(heard.set)
            heard.wait()
            heard.clear()
            time.sleep(1)
            self.quiet += 1
        self.kill()

    def kill(self):
        """End the worker and all that it started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except OSError:
            pass


if "target" in globals():
    import asyncio

    from IPython import get_ipython

    loop = asyncio.get_event_loop()

    manager = get_ipython().kernel.comm_manager
    manager.register_target(target, lambda comm, message: Pump(comm))  # noqa: F821  # set by who sent this
