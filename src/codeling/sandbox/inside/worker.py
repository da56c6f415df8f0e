"""The program's side: runs inside the wall, standard library only, on CPython 3.8 or newer.

It takes frames from one stream, runs programs in one namespace and sends frames back. It protects
nobody: the host trusts nothing that comes from here, and the wall around this process is the
executor's work. What it does promise is Python as it is: nothing of a program's meaning changes,
but for tool calls in awaited positions (see `awaiting.py`) and `final_answer`.
"""

import ast
import builtins
import codecs
import inspect
import io
import linecache
import os
import signal
import stat
import sys
import threading
import time
import traceback
import types

import values
from awaiting import TopLevelAwait, awaited
from wire import Wire

__all__ = ("main",)

VERSION = 1
KEPT_OUTPUT = 16 << 20
MOST_TEXT = 40000
MOST_IMAGES = 8


class Final(BaseException):
    """Ends a program that has called final_answer."""


class ToolError(RuntimeError):
    """A tool call failed; the message says why."""


class Tool:
    """A tool as a program sees it. It holds a name and a docstring; the work is done on the host."""

    def __init__(self, worker, name, stub):
        self.__name__ = self.__qualname__ = name
        self.__doc__ = stub
        self._call = worker.call
        try:
            made = {}
            exec(compile("from __future__ import annotations\n" + stub, "<tool>", "exec"), made)
            self.__signature__, self.__doc__ = inspect.signature(made[name]), made[name].__doc__
        except Exception:  # a default without a literal form: the text alone must do
            pass

    def __call__(self, *args, **kwargs):
        return self._call(self.__name__, args, kwargs, None)

    def aio(self, *args, **kwargs):
        """Make the call in an awaitable."""
        return self._start(args, kwargs)

    async def _start(self, args, kwargs):
        import asyncio

        loop = asyncio.get_running_loop()
        return await self._call(self.__name__, args, kwargs, loop)

    def __repr__(self):
        return "<tool {}{}>".format(self.__name__, getattr(self, "__signature__", "(...)"))


class Output(io.RawIOBase):
    """Collects what the program prints; the first part of it goes to the host as it comes."""

    def __init__(self, worker, limit):
        self._worker = worker
        self._limit = limit
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._kept, self._ended = bytearray(), 0
        self.begin()

    def begin(self):
        """Start a step: forget the last one's text, but not what came after its end."""
        late = self._kept[self._ended :]
        self._kept, self._pending, self._sent = late, late[: self._limit], 0
        self.size, self._ended, self._since = len(late), 0, 0.0

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
        self._pending += data[: max(0, self._limit - self._sent - len(self._pending))]
        now = time.monotonic()
        if len(self._pending) >= 8192 or now - self._since > 0.2:
            self._since = now
            self.send()
        return len(data)

    def send(self, last=False):
        """Pass on what has been printed since."""
        if self._pending and self._worker.running:
            data, self._pending = bytes(self._pending), bytearray()
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


class Worker:
    """One interpreter: its namespace, its tools, and the loop that serves the host."""

    def __init__(self, read_fd, write_fd):
        self.running = False
        self.final = None
        self._running = threading.Event()
        self.wire = Wire(read_fd, write_fd, on_idle_interrupt=self._on_interrupt)
        self.module = types.ModuleType("__main__")
        self.names = self.module.__dict__
        self.names["__builtins__"] = builtins
        self.codec = values.Codec(side="program", trusting=True, lookup=self._class)
        self.tools, self.outputs, self.images = {}, {}, 0
        self.output = Output(self, 1 << 20)
        self._main = threading.get_ident()
        self._loop = None

    def is_main(self):
        """Whether this is the thread that runs programs."""
        return threading.get_ident() == self._main

    def serve(self):
        """Take commands until the host closes the stream."""
        signal.signal(signal.SIGINT, self.wire.on_signal)
        self.wire.send({"t": "hello", "v": VERSION, "pid": os.getpid(), "python": sys.version.split()[0]})
        while True:
            try:
                command = self.wire.command()
                if command is None:
                    os._exit(0)
                getattr(self, "_do_" + command["t"])(command)
            except KeyboardInterrupt:
                pass  # it came after the program that it was meant for

    def call(self, name, args, kwargs, loop):
        """Make a tool call: wait for its value, or with a loop give a future of it."""
        if self.final is not None:
            raise Final
        self.output.send()
        self._running.wait()
        encoded = [self.codec.encode(arg) for arg in args], {key: self.codec.encode(kwargs[key]) for key in kwargs}
        frame = {"t": "call", "name": name, "args": encoded[0], "kw": encoded[1]}
        if loop is not None:
            return self.wire.ask_later(frame, loop, self._value)
        return self._value(self.wire.ask(frame))

    def _value(self, reply):
        if "err" in reply:
            raise _tool_error(reply["err"])
        return self.codec.decode(reply["val"])

    def final_answer(self, answer=None):
        """Give the task's answer and end the program. Nothing in the program can take it back."""
        if self.final is None:
            self.final = {"t": "final", "val": self.codec.encode(answer)}
            self.output.send()
            self.wire.send(self.final)
            if not self.is_main():
                signal.pthread_kill(self._main, signal.SIGINT)
        raise Final

    def display(self, *shown):
        """Show pictures, plots or other values, as in a notebook."""
        for value in shown:
            if not self._picture(value):
                print(value)

    def _do_open(self, command):
        self.tools = {name: Tool(self, name, stub) for name, stub in command["tools"].items()}
        self.output = Output(self, command["output"])
        given = dict(self.tools, final_answer=self.final_answer, display=self.display, outputs=self.outputs)
        for name, thing in given.items():
            setattr(builtins, name, thing)
        sys.modules["__main__"] = self.module
        self.stream = io.TextIOWrapper(self.output, "utf-8", "backslashreplace", newline="\n", write_through=True)
        _seed(command["seed"])
        if command["imports"] is not None:
            _only_import(frozenset(command["imports"]), self.names)
        self.wire.send({"t": "ready", "id": command["id"]})

    def _do_set(self, command):
        done = {"t": "done", "id": command["id"], "err": None}
        try:
            for name, value in command["vars"].items():
                self.names[name] = self.codec.decode(value)
        except ValueError as error:
            done["err"] = str(error)
        self.wire.send(done)

    def _do_exec(self, command):
        step, done = command["id"], {"t": "done", "id": command["id"], "val": None, "err": None}
        self.final, self.images = None, 0
        self.output.begin()
        sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = self.stream
        try:
            self._attempt(command["src"], step, done)
        except BaseException as error:  # an interrupt between the program's end and ours
            done["err"] = done["err"] or type(error).__name__
        self.wire.interruptible = False
        self._running.clear()
        final, self.final = self.final, None
        self.outputs[step] = self.output.end()
        self.running = False
        self.wire.drop_calls()
        done["size"], done["final"] = self.output.size, final is not None
        self.wire.send(done)

    def _attempt(self, source, step, done):
        try:
            self.running = self.wire.interruptible = True
            self._running.set()
            done["val"] = self._shown(self._execute(source, "<step {}>".format(step)))
            self._plots()
        except Final:
            self.wire.interruptible = False
        except BaseException as error:  # whatever the program raised is the model's to see
            self.wire.interruptible = False
            done["err"] = self._error(error)

    def _execute(self, source, name):
        """Run a program; give the value of its last expression."""
        linecache.cache[name] = (len(source), None, [line + "\n" for line in source.splitlines()], name)
        tree = compile(source, name, "exec", ast.PyCF_ONLY_AST | TopLevelAwait)
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = tree.body[-1]
            target = ast.copy_location(ast.Name("__value__", ast.Store()), last)
            tree.body[-1] = ast.copy_location(ast.Assign([target], last.value, lineno=last.lineno), last)
        code = compile(awaited(tree, self.tools), name, "exec", TopLevelAwait, dont_inherit=True)
        self.names["__awaitable__"] = _awaitable
        try:
            result = eval(code, self.names)
            if inspect.iscoroutine(result):
                self._run_async(result)
            return self.names.get("__value__")
        finally:
            self.names.pop("__value__", None)
            self.names.pop("__awaitable__", None)

    def _run_async(self, coroutine):
        import asyncio

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(coroutine)

    def _shown(self, value):
        if value is None or self._picture(value):
            return None
        return _cut(repr(value))

    def _picture(self, value):
        """Send the value as a picture, if it is one."""
        kinds = [(sys.modules.get("PIL.Image"), "Image"), (sys.modules.get("matplotlib.figure"), "Figure")]
        if not any(module and isinstance(value, getattr(module, kind)) for module, kind in kinds):
            return False
        if self.images < MOST_IMAGES:
            import base64

            buffer = io.BytesIO()
            (value.save if hasattr(value, "save") else value.savefig)(buffer, format="png")
            self.wire.send({"t": "image", "data": base64.b64encode(buffer.getvalue()).decode()})
            self.images += 1
        return True

    def _plots(self):
        plots = sys.modules.get("matplotlib.pyplot")
        if plots is not None:
            for number in plots.get_fignums():
                self._picture(plots.figure(number))
            plots.close("all")

    def _error(self, error):
        try:
            text = _cut(_traceback(error))
            return text + self._hint(error)
        except BaseException:  # the program's own exception class may raise anything when it is read
            return "{}: (its text could not be read)".format(type.__getattribute__(type(error), "__name__"))

    def _hint(self, error):
        """Where a program covered a tool's name with a value and then called it: uncover it and say so."""
        covered = [name for name in (*self.tools, "final_answer") if name in self.names]
        if not covered or not isinstance(error, TypeError) or "not callable" not in str(error):
            return ""
        for name in covered:
            del self.names[name]
        return "\nNote: {} had been given another value; it is the function again.".format(", ".join(covered))

    def _class(self, name):
        """Find a class that a program has defined."""
        found = self.names.get(name.rpartition(".")[2])
        return found if isinstance(found, type) else None

    def _on_interrupt(self):
        return Final if self.final is not None else KeyboardInterrupt


def _awaitable(function):
    return function.aio if type(function) is Tool else function


def _tool_error(text):
    """An error that `except ToolError` catches, and `except KeyError` where the tool raised one."""
    kind = getattr(builtins, text.partition(":")[0], None)
    if isinstance(kind, type) and issubclass(kind, Exception) and kind is not Exception:
        try:
            return type("ToolError", (ToolError, kind), {"__module__": "builtins", "__str__": _first_argument})(text)
        except TypeError:
            pass  # two layouts that cannot be joined, such as with OSError or UnicodeError
    return ToolError(text)


def _first_argument(error):
    return str(error.args[0])


def _traceback(error):
    """The traceback with the program's own lines, and the last one of a library."""
    texts, seen = [], traceback.TracebackException.from_exception(error, limit=-60)
    while seen is not None and len(texts) < 3:
        own = [frame for frame in seen.stack if frame.filename.startswith("<step ")]
        foreign = [frame for frame in list(seen.stack)[-1:] if frame not in own and __file__ != frame.filename]
        if own and foreign and os.path.dirname(__file__) == os.path.dirname(foreign[0].filename):
            foreign = []
        lines = ["Traceback (most recent call last):\n"] if own else []
        for frame in own[-6:]:
            lines.append("  {}, line {}, in {}\n    {}\n".format(frame.filename, frame.lineno, frame.name, frame.line))
        lines += ["  {}, line {}, in {}\n".format(f.filename, f.lineno, f.name) for f in foreign if own]
        texts.append("".join(lines) + "".join(seen.format_exception_only()))
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "\nwhile handling this:\n".join(text.rstrip() for text in texts)


def _cut(text):
    if len(text) <= MOST_TEXT:
        return text
    half = MOST_TEXT // 2
    return "{}\n[... {} characters cut ...]\n{}".format(text[:half], len(text) - 2 * half, text[-half:])


def _seed(seed):
    import random

    random.seed(seed)
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed(seed % 2**32)


def _only_import(allowed, names):
    """Refuse the program's imports of anything but the standard library and what is allowed."""
    original = builtins.__import__
    standard = getattr(sys, "stdlib_module_names", None)

    def guarded(name, globals=None, locals=None, fromlist=(), level=0):
        top = name.partition(".")[0]
        if globals is names and not (top in allowed or name in allowed or (standard and top in standard)):
            raise ImportError(
                "programs may import the standard library and: {}; not {!r}".format(
                    ", ".join(sorted(allowed)) or "nothing else", name
                )
            )
        return original(name, globals, locals, fromlist, level)

    builtins.__import__ = guarded


def main(read_fd, write_fd):
    """Serve the host on these descriptors until it closes them."""
    for name in ("worker", "values", "kinds", "awaiting", "wire"):  # programs may have modules of these names
        if name in sys.modules:
            sys.modules["_codeling_" + name] = sys.modules.pop(name)
    Worker(read_fd, write_fd).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
