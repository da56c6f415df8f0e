"""Frames between the program's side and the host: a 4-byte little-endian length, then JSON.

Several threads may ask at once. Whoever waits for a reply and finds nobody reading reads for all
(the leader), and hands that on when its own reply is there; so one thread that calls needs no
second one. Awaiting programs need a reader that does not block them: a thread, started then.
"""

import os
import signal
import struct
import threading

from compact import MOST_BYTES, MOST_WEIGHT, decode, encode, weight
from patience import Patience
from plain import Unencodable

__all__ = ("Wire", "packed")

_LENGTH, _LIGHT = struct.Struct("<I"), 1 << 19
_here = threading.get_ident


class Slot:
    """A question that waits for its reply, and how to wake whoever asked."""

    __slots__ = ("done", "reply", "wake")

    def __init__(self):
        self.reply, self.done, self.wake = None, False, threading.Lock()
        self.wake.acquire()

    def rouse(self):
        """Wake whoever sleeps on `wake`, now or when it next would."""
        try:
            self.wake.release()
        except RuntimeError:
            pass  # it is awake, or about to be


class Wire:
    """The program's end of the stream."""

    def __init__(self, read_fd, write_fd, on_idle_interrupt):
        self._in, self._out = read_fd, write_fd
        self._patience = Patience(read_fd)
        self._buffer = bytearray()
        self._commands = []
        self._slots, self._waiting, self._settled = {}, [], {}
        self._lead, self._write, self._state = threading.Lock(), threading.RLock(), threading.Lock()
        self._asked, self._reader = 0, None
        self._main = _here()
        self._error = on_idle_interrupt
        self._shielded, self._struck = False, False
        self.interruptible = False

    def on_signal(self, number, frame):
        """Interrupt the program, but never in the middle of a frame."""
        if not self.interruptible:
            return
        if self._shielded:
            self._struck = True
        else:
            raise self._error()

    def send(self, frame):
        """Write one frame. Raises Unencodable where the host would read none that is so large."""
        self._send(packed(frame))

    def _send(self, data):
        with self._write:
            shields = self._shields()
            try:
                sent = os.write(self._out, data)
                while sent < len(data):
                    sent += os.write(self._out, memoryview(data)[sent:])
            except BlockingIOError:
                raise RuntimeError("the stream to the host must block")
            finally:
                if shields:
                    self._unshield()

    def ask(self, frame):
        """Send a question and wait for its reply."""
        slot = Slot()
        self._put(frame, slot)
        shields = self._shields()
        try:
            if self._lead.acquire(False):  # as mostly: nobody else reads
                self._lead_until(slot, self._patience.wait, shields)
            else:
                self._await(slot, self._patience.wait, shields)
        finally:
            if shields:
                self._unshield()
        if slot.reply is None:
            raise RuntimeError("the step that made this call has ended")
        return slot.reply

    def ask_later(self, frame, loop, value):
        """Send a question and give a future of `value(reply)` on the loop."""
        future = loop.create_future()
        self._put(frame, (loop, future, value))
        self.listen()
        return future

    def listen(self):
        """Have a thread read from now on, so that an interrupt that comes as a frame is seen at once."""
        if self._reader is None:
            self._reader = threading.Thread(target=self._read_on, daemon=True)
            self._reader.start()

    def command(self):
        """Wait for the host's next command; None when the stream has ended."""
        slot, shields = self._slots.setdefault("command", Slot()), self._shields()
        try:
            while not self._commands:
                slot.done = False
                self._await(slot, self._patience.sleep, shields)
        finally:
            if shields:
                self._unshield()
        return self._commands.pop(0)

    def drop_calls(self):
        """Give up on every question that has no reply yet: the step is over."""
        with self._state:
            dropped = [key for key in self._slots if key != "command"]
            slots = [self._slots.pop(key) for key in dropped]
        for slot in slots:
            if type(slot) is Slot:
                slot.done = True
                slot.rouse()

    def _put(self, frame, slot):
        """Send a question whose reply goes to the slot: a `Slot`, or a loop, its future and what makes the value."""
        with self._write:  # numbers have to go out in their order
            self._asked += 1
            frame["id"] = self._asked
            data = packed(frame)
            self._slots[self._asked] = slot
            self._send(data)

    def _await(self, slot, wait, shields):
        """Wait for the slot: read for everybody if nobody else does."""
        self._waiting.append(slot)
        try:
            while not slot.done:
                if self._lead.acquire(False):
                    self._lead_until(slot, wait, shields)
                else:
                    self._pause(slot.wake.acquire, shields)
        finally:
            self._waiting.remove(slot)
            self._rouse_next()

    def _lead_until(self, slot, wait, shields):
        """Read for everybody until the slot has its reply, and give up the lead."""
        try:
            while not slot.done:
                self._pause(wait, shields)
                self._read()
        finally:
            self._lead.release()
            if self._waiting:
                self._rouse_next()

    def _rouse_next(self):
        for other in self._waiting[:1]:
            other.rouse()

    def _read_on(self):
        """Read for everybody for good: whoever leads now hands over to this thread when done."""
        with self._lead:
            while True:
                self._patience.sleep()
                self._read()

    def _pause(self, wait, shielded):
        """Wait; an interrupt may strike meanwhile, but not while somebody leads and takes in."""
        if shielded:
            self._unshield()
        wait()
        if shielded:
            self._shielded = True

    def _read(self):
        """Take in what has arrived."""
        shields = self._shields()
        try:
            chunk = os.read(self._in, 1 << 16)
            if not chunk:
                os._exit(0)
            if not self._buffer and chunk[4:] and _LENGTH.unpack_from(chunk)[0] == len(chunk) - 4:
                self._dispatch(decode(chunk[4:].decode("ascii")))  # just one, as mostly
            else:
                self._buffer += chunk
            while len(self._buffer) >= 4:
                size = _LENGTH.unpack_from(self._buffer)[0] + 4
                if len(self._buffer) < size:
                    break
                text = self._buffer[4:size].decode("ascii")
                del self._buffer[:size]
                self._dispatch(decode(text))
            while self._settled:  # every loop is woken once for all that came for it
                loop, replies = self._settled.popitem()
                try:
                    loop.call_soon_threadsafe(_settle, replies)
                except RuntimeError:
                    pass  # the loop is closed: nobody waits any more
        finally:
            if shields:
                self._unshield()

    def _dispatch(self, frame):
        kind = frame["t"]
        if kind == "ret":
            with self._state:
                slot = self._slots.pop(frame["id"], None)
            if slot is None:
                return
            if type(slot) is tuple:
                self._settled.setdefault(slot[0], []).append((slot, frame))
                return
            slot.reply = frame
        elif kind == "interrupt":
            signal.pthread_kill(self._main, signal.SIGINT)
            return
        else:
            self._commands.append(frame)
            slot = self._slots.get("command")
            if slot is None:
                return
        slot.done = True
        slot.rouse()

    def _shields(self):
        """Hold interrupts back, in the thread that they strike; whether it is this one's to let them in again."""
        if self._shielded or _here() != self._main:
            return False
        self._shielded = True
        return True

    def _unshield(self):
        self._shielded = False
        if self._struck:
            self._struck = False
            if self.interruptible:
                raise self._error()


def packed(frame):
    """Give the bytes of a frame. Raises Unencodable where the host would read none that is so large."""
    body = encode(frame).encode("ascii")
    if len(body) > MOST_BYTES or (len(body) > _LIGHT and weight(body) > MOST_WEIGHT):
        raise Unencodable(
            "written out, this is {} MiB of text or too many items and cannot cross: give a part of it, or a "
            "summary".format(len(body) >> 20)
        )
    return _LENGTH.pack(len(body)) + body


def _settle(replies):
    """Give replies to futures of the loop that runs this."""
    for (_, future, value), reply in replies:
        if not future.done():
            try:
                future.set_result(value(reply))
            except Exception as error:
                future.set_exception(error)
