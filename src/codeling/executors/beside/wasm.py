"""The wire of a worker in WebAssembly: one thread, which waits in shared memory and takes interrupts from it.

It stands in for `wire.Wire`, with the same methods, where there are no descriptors, no threads and no
signals. `asyncio` gets a loop that waits in the same way. It is sent as source.
"""

import asyncio
import json
import struct

__all__ = ("Wire",)


class Wire:
    """The program's end of the stream."""

    def __init__(self, read_fd, write_fd, on_idle_interrupt):
        import codeling_streams

        self._streams, self._buffer = codeling_streams, bytearray()
        self._commands, self._replies, self._later = [], {}, {}
        self._asked, self._error = 0, on_idle_interrupt
        self.interruptible = False
        asyncio.set_event_loop_policy(_Policy(self))

    def on_signal(self, number, frame):
        """Interrupt the program."""
        if self.interruptible:
            raise self._error()

    def send(self, frame):
        """Write one frame."""
        from pyodide.ffi import to_js

        body = json.dumps(frame, separators=(",", ":")).encode("ascii")
        self._streams.write(to_js(struct.pack("<I", len(body)) + body))

    def ask(self, frame):
        """Send a question and wait for its reply."""
        number = self._ask(frame)
        while number not in self._replies:
            self.wait(-1)
        return self._replies.pop(number)

    def ask_later(self, frame, loop, value):
        """Send a question and give a future of `value(reply)` on the loop."""
        future = loop.create_future()

        def settle(reply):
            if not future.done():
                try:
                    future.set_result(value(reply))
                except Exception as error:
                    future.set_exception(error)

        self._later[self._ask(frame)] = settle
        return future

    def listen(self):
        """Nothing: whoever waits reads."""

    def command(self):
        """Wait for the host's next command."""
        while not self._commands:
            self.wait(-1)
        return self._commands.pop(0)

    def drop_calls(self):
        """Give up on every question that has no reply yet: the step is over."""
        self._replies.clear()
        self._later.clear()

    def wait(self, seconds):
        """Take in what has come, or comes within so many seconds; a negative number is a while."""
        self._buffer += bytes(self._streams.read(seconds).to_py())
        while len(self._buffer) >= 4:
            size = struct.unpack_from("<I", self._buffer)[0] + 4
            if len(self._buffer) < size:
                break
            frame = json.loads(bytes(self._buffer[4:size]))
            del self._buffer[:size]
            if frame["t"] != "ret":
                self._commands.append(frame)
            elif frame["id"] in self._later:
                self._later.pop(frame["id"])(frame)
            else:
                self._replies[frame["id"]] = frame

    def _ask(self, frame):
        self._asked += 1
        frame["id"] = self._asked
        self.send(frame)
        return self._asked


class _Loop(asyncio.BaseEventLoop):
    """A loop without sockets: where others wait for descriptors, it waits for the wire."""

    def __init__(self, wire):
        super().__init__()
        self._wire, self._selector = wire, self

    def run_until_complete(self, future):
        """Run; Pyodide's own loop counts as running all the while, and has to stand aside."""
        outer = asyncio._get_running_loop()
        if not isinstance(outer, _Loop):
            asyncio._set_running_loop(None)
        try:
            return super().run_until_complete(future)
        finally:
            asyncio._set_running_loop(outer)

    def select(self, timeout):
        self._wire.wait(-1 if timeout is None else timeout)
        return ()

    def _process_events(self, events):
        pass

    def _write_to_self(self):
        pass


class _Policy(asyncio.DefaultEventLoopPolicy):
    def __init__(self, wire):
        super().__init__()
        self._wire = wire

    def new_event_loop(self):
        return _Loop(self._wire)
