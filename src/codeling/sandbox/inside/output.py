"""What a program prints: kept whole for the program, in part for the host."""

import codecs
import io
import os
import stat
import sys
import time

__all__ = ("Final", "Output", "Printed", "line_in")

KEPT_OUTPUT = 16 << 20
MOST_KEPT = 64 << 20
MOST_LINES = 1000
MOST_FRAMES = 200


def line_in(name):
    """Give the line of the program `name` that is running in this thread, or 0."""
    frame = sys._getframe(1)
    for _ in range(MOST_FRAMES):
        if frame is None:
            break
        if frame.f_code.co_filename == name:
            return frame.f_lineno
        frame = frame.f_back
    return 0


class Final(BaseException):
    """Ends a program that has called final_answer."""


class Output(io.RawIOBase):
    """Collects what the program prints; the first part of it goes to the host as it comes."""

    def __init__(self, worker, limit):
        self._worker = worker
        self._limit = limit
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._kept, self._ended = bytearray(), 0
        self._stream = None
        self.begin()

    def stream(self):
        """Give what programs print to: a new one where an earlier program has detached it."""
        if getattr(self._stream, "buffer", None) is None:
            self._stream = io.TextIOWrapper(self, "utf-8", "backslashreplace", newline="\n", line_buffering=True)
        return self._stream

    def take_line(self):
        """Take in the line that is being printed, too."""
        try:
            self._stream.flush()
        except ValueError:
            pass  # the program has detached it

    def begin(self):
        """Start a step: forget the last one's text, but not what came after its end."""
        late = self._kept[self._ended :]
        self._kept, self.pending, self._sent = late, late[: self._limit], 0
        self.size, self._ended, self._since = len(late), 0, 0.0
        self.lines = [[0, len(late[: self._limit])]] if late else []

    def writable(self):
        return True

    def fileno(self):
        return 1

    def close(self):
        """Stay open: a program that closes its output closes nothing for the next one."""

    def write(self, data):
        if self._worker.final is not None and self._worker.is_main():
            raise Final
        data = bytes(data)
        self.size += len(data)
        self._kept += data[: max(0, KEPT_OUTPUT - len(self._kept))]
        room = max(0, self._limit - self._sent - len(self.pending))
        if room:
            self.pending += data[:room]
            self._mark(line_in(self._worker.program), min(room, len(data)))
        now = time.monotonic()
        if len(self.pending) >= 8192 or now - self._since > 0.2:
            self._since = now
            self.send()
        return len(data)

    def _mark(self, line, size):
        """Note which line printed so many bytes."""
        if len(self.lines) >= MOST_LINES:
            line = 0
        if self.lines and self.lines[-1][0] == line:
            self.lines[-1][1] += size
        else:
            self.lines.append([line, size])

    def send(self, last=False):
        """Pass on what has been printed since."""
        if self.pending and self._worker.running:
            data, self.pending = bytes(self.pending), bytearray()
            self._sent += len(data)
            text = self._decoder.decode(data, last)
            if text:
                self._worker.wire.send({"t": "out", "text": text})

    def end(self):
        """End the step and give its whole text, as far as it is kept."""
        self._take_raw()
        self.send(last=True)
        self._ended = len(self._kept)
        return self._kept.decode("utf-8", "replace")

    def _take_raw(self):
        """Fetch what C code and child processes wrote to descriptors 1 and 2, where those are files."""
        for fd in (1, 2):
            try:
                if stat.S_ISREG(os.fstat(fd).st_mode) and os.fstat(fd).st_size:
                    self.write(os.pread(fd, self._limit, 0))
                    os.ftruncate(fd, 0)
            except OSError:
                pass


class Printed:
    """What the steps have printed, the newest of it: `texts` by the steps' numbers, which programs may change."""

    def __init__(self):
        self.texts, self._lengths, self._size = {}, {}, 0

    def keep(self, step, text):
        """Keep what a step has printed, and forget the oldest where it grows too much."""
        self.texts[step] = text
        self._lengths[step] = len(text)
        self._size += len(text)
        while self._size > MOST_KEPT and len(self._lengths) > 1:
            oldest = next(iter(self._lengths))
            self._size -= self._lengths.pop(oldest)
            self.texts.pop(oldest, None)
