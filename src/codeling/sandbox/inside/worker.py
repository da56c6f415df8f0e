"""The program's side: runs inside the wall, standard library only, on CPython 3.8 or newer.

It takes frames from one stream, runs programs in one namespace and sends frames back. It protects
nobody: the host trusts nothing that comes from here, and the wall around this process is the
executor's work. What it does promise is Python as it is: nothing of a program's meaning changes,
but for tool calls in awaited positions (see `awaiting.py`) and `final_answer`.
"""

import ast
import builtins
import inspect
import io
import linecache
import os
import signal
import sys
import threading
import types

import seeds
import values
from awaiting import TopLevelAwait, awaitable_of, awaited, awaits
from failures import cut, note, tool_error, traceback_text
from finding import Finder
from output import Final, Output, Printed, line_in
from wire import Wire

__all__ = ("main",)

VERSION = 1
MODULES = (
    "worker",
    "seeds",
    "values",
    "plain",
    "kinds",
    "awaiting",
    "failures",
    "finding",
    "output",
    "patience",
    "wire",
    "compact",
)
PYTHONS = frozenset(dir(builtins))
MOST_IMAGES = 8


class Tool:
    # A tool as a program sees it. It holds a name and a docstring; the work is done on the host.

    def __init__(self, worker, name, stub):
        self.__name__ = self.__qualname__ = name
        self._stub, self._call, self._line = stub, worker.call, worker.line

    @property
    def __doc__(self):
        try:
            return self._read().__doc__
        except AttributeError:
            return self._stub

    @property
    def __signature__(self):
        return inspect.signature(self._read())

    def _read(self):
        """What the stub says, read when somebody asks: most programs never do."""
        made = {}
        try:
            tree = ast.parse("from __future__ import annotations\n" + self._stub)
            for holder in (tree.body[1].args.defaults, tree.body[1].args.kw_defaults):
                holder[:] = [default and _literal(default) for default in holder]
            exec(compile(tree, "<tool>", "exec"), made)
        except Exception:  # the text alone must do
            raise AttributeError("this tool's signature cannot be read; it is: " + self._stub)
        return made[self.__name__]

    def __call__(self, *args, **kwargs):
        return self._call(self.__name__, args, kwargs, None, None)

    def aio(self, *args, **kwargs):
        """Make the call in an awaitable."""
        return self._start(args, kwargs, self._line())

    async def _start(self, args, kwargs, line):
        import asyncio

        loop = asyncio.get_running_loop()
        return await self._call(self.__name__, args, kwargs, loop, line)

    def __repr__(self):
        return "<tool {}{}>".format(self.__name__, getattr(self, "__signature__", "(...)"))


def _literal(default):
    """Give a default of a stub, or an ellipsis for what only the host could make."""
    try:
        ast.literal_eval(default)
        return default
    except ValueError:
        return ast.copy_location(ast.Constant(value=..., kind=None), default)


class Worker:
    """One interpreter: its namespace, its tools, and the loop that serves the host."""

    def __init__(self, read_fd, write_fd):
        self.running = False
        self._ends, self._nursery = (read_fd, write_fd), None
        self.final, self.program = None, ""
        self._running = threading.Event()
        self.wire = Wire(read_fd, write_fd, on_idle_interrupt=self._on_interrupt)
        self.module = types.ModuleType("__main__")
        self.names = self.module.__dict__
        self.names["__builtins__"] = builtins
        self.codec = values.Codec(side="program", trusting=True, lookup=self._class)
        self.tools, self._namesakes, self.images = {}, {}, 0
        self.printed = Printed()
        self.output = Output(self, 1 << 20)
        self._main = threading.get_ident()
        self._loop = None

    def is_main(self):
        """Whether this is the thread that runs programs."""
        return threading.get_ident() == self._main

    def serve(self, nursery=None):
        """Take commands until the host closes the stream. With a `nursery` it may have this process fork itself."""
        self._nursery = nursery
        signal.signal(signal.SIGINT, self.wire.on_signal)
        self.wire.send({"t": "hello", "v": VERSION, "pid": os.getpid(), "python": sys.version.split()[0]})
        while True:
            try:
                command = self.wire.command()
                if command is None:
                    os._exit(0)
                self.obey(command)
            except KeyboardInterrupt:
                pass  # it came after the program that it was meant for

    def obey(self, command):
        """Do what the host has sent."""
        getattr(self, "_do_" + command["t"])(command)

    def take_wire(self):
        """In a copy: serve on what now is at the wire's place."""
        self.wire = Wire(*self._ends, on_idle_interrupt=self._on_interrupt)
        signal.signal(signal.SIGINT, self.wire.on_signal)

    def leave_loop(self):
        """In a copy: have a new event loop for what is awaited next. Gives the old one, which may not be closed."""
        import asyncio

        loop, self._loop = self._loop, None
        asyncio.set_event_loop(None)
        return loop

    def own_threads(self):
        """How many threads this worker has by itself."""
        return 1 if self.wire._reader is None else 2

    def waiting_tasks(self):
        """How many tasks programs have left in the event loop."""
        import asyncio

        return 0 if self._loop is None else len(asyncio.all_tasks(self._loop))

    def line(self):
        """Give the line of the program that is running in this thread, or 0."""
        return line_in(self.program)

    def call(self, name, args, kwargs, loop, line):
        """Make a tool call: wait for its value, or with a loop give a future of it."""
        if self.final is not None:
            raise Final
        self.output.take_line()
        if self.output.pending:
            self.output.send()
        if not self._running.is_set():
            raise RuntimeError("no program is running: the calls of a thread end with the program that started it")
        encode = self.codec.encode
        given = {key: encode(kwargs[key]) for key in kwargs} if kwargs else {}
        frame = {"t": "call", "name": name, "args": [encode(arg) for arg in args], "kw": given}
        frame["line"] = self.line() if line is None else line
        if loop is not None:
            return self.wire.ask_later(frame, loop, self._value)
        return self._value(self.wire.ask(frame))

    def _value(self, reply):
        if "err" in reply:
            raise tool_error(reply["err"])
        return self.codec.decode(reply["val"])

    def final_answer(self, answer=None):
        """Give the task's answer and end the program. Nothing in the program can take it back."""
        if self.final is None:
            value = self.codec.encode(answer)
            self.output.take_line()
            self.final = {"t": "final", "val": value}
            self.output.send()
            try:
                self.wire.send(self.final)
            except ValueError:
                self.final = None
                raise
            if not self.is_main():
                signal.pthread_kill(self._main, signal.SIGINT)
        raise Final if self.is_main() else SystemExit  # with which a thread ends without a word

    def display(self, *shown):
        """Show pictures, plots or other values, as in a notebook."""
        for value in shown:
            if not self._picture(value):
                print(value)

    def _do_open(self, command):
        self.tools = {name: Tool(self, name, stub) for name, stub in command["tools"].items()}
        self.output = Output(self, command["output"])
        finder = Finder(self.tools)
        given = {"display": self.display, "outputs": self.printed.texts, "search_tools": finder.search_tools}
        given.update({"help": finder.help, **self.tools, "final_answer": self.final_answer})
        # Where a tool has the name of one of Python's own, libraries, ours too, go on with Python's.
        self._namesakes = {name: tool for name, tool in self.tools.items() if name in PYTHONS}
        self.names.update(self._namesakes)
        for name, thing in given.items():
            if name not in self._namesakes:
                setattr(builtins, name, thing)
        builtins.__awaitable__ = awaitable_of(Tool)  # what an earlier step has defined needs it at any time
        sys.modules["__main__"] = self.module
        seeds.fix(command["seed"])
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
        seeds.set_clock(command.get("clock"))
        step, done = command["id"], {"t": "done", "id": command["id"], "val": None, "err": None}
        self.final, self.images, self.program = None, 0, "<step {}>".format(step)
        self.output.begin()
        sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = self.output.stream()
        try:
            self._attempt(command["src"], step, done)
        except BaseException as error:  # an interrupt between the program's end and ours
            done["err"] = done["err"] or type(error).__name__
        self.wire.interruptible = False
        self._running.clear()
        final, self.final = self.final, None
        self.output.take_line()
        self.printed.keep(step, self.output.end())
        self.running = False
        self.wire.drop_calls()
        done["size"], done["final"], done["lines"] = self.output.size, final is not None, self.output.lines
        self.wire.send(done)

    def _do_fork(self, command):
        own = os.getpid()
        why = self._nursery.fork(self, command["threads"])
        copied = os.getpid() != own
        self.wire.send({"t": "ready", "id": 0} if copied else {"t": "done", "id": command["id"], "err": why})

    def _attempt(self, source, step, done):
        try:
            self.running = self.wire.interruptible = True
            self._running.set()
            done["val"] = self._shown(self._execute(source, self.program))
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
        if self.tools and awaits(source):
            tree = awaited(tree)
        code = compile(tree, name, "exec", TopLevelAwait, dont_inherit=True)
        try:
            result = eval(code, self.names)
            if inspect.iscoroutine(result):
                self._run_async(result)
            return self.names.get("__value__")
        finally:
            self.names.pop("__value__", None)

    def _run_async(self, coroutine):
        import asyncio

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(coroutine)

    def _shown(self, value):
        if value is None or self._picture(value):
            return None
        return cut(repr(value))

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
            text = cut(traceback_text(error))
            return text + note(error) + self._hint(error)
        except BaseException:  # the program's own exception class may raise anything when it is read
            return "{}: (its text could not be read)".format(type.__getattribute__(type(error), "__name__"))

    def _hint(self, error):
        """Where a program covered a tool's name with a value and then called it: uncover it and say so."""
        own = self._namesakes
        covered = [n for n in (*self.tools, "final_answer") if self.names.get(n, Tool) is not own.get(n, Tool)]
        if not covered or not isinstance(error, TypeError) or "not callable" not in str(error):
            return ""
        for name in covered:
            self.names.pop(name, None)
        self.names.update(own)
        return "\nNote: {} had been given another value; it is the function again.".format(", ".join(covered))

    def _class(self, name):
        """Find a class that a program has defined."""
        found = self.names.get(name.rpartition(".")[2])
        return found if isinstance(found, type) else None

    def _on_interrupt(self):
        return Final if self.final is not None else KeyboardInterrupt


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


def made(read_fd, write_fd):
    """Give a worker for these descriptors; they may be opened later."""
    for name in MODULES:  # programs may have modules of these names
        if name in sys.modules:
            sys.modules["_codeling_" + name] = sys.modules.pop(name)
    return Worker(read_fd, write_fd)


def main(read_fd, write_fd, listen=False):
    """Serve the host on these descriptors until it closes them.

    With `listen` a thread reads all the time: far away, interrupts come as frames and not as signals.
    """
    worker = made(read_fd, write_fd)
    if listen:
        worker.wire.listen()
    worker.serve()
