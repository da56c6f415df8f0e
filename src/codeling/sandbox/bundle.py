"""The worker as one script, for places where only a Python and two streams are to be had.

The script runs on CPython 3.8 or newer with the standard library. It keeps the streams that it was
started with for frames and gives the program others, so that nothing a program prints spoils them.
"""

from __future__ import annotations

import base64
import zlib
from functools import cache
from pathlib import Path

__all__ = ("launch", "line", "modules", "worker_source")

_INSIDE = Path(__file__).parent / "inside"
_MODULES = (
    "seeds",
    "compact",
    "plain",
    "kinds",
    "values",
    "awaiting",
    "failures",
    "finding",
    "output",
    "patience",
    "wire",
    "worker",
)
_LOADER = """
import os, sys, types
def _load(name, source):
    module = sys.modules[name] = types.ModuleType(name)
    module.__file__ = "/codeling/" + name + ".py"
    exec(compile(source, module.__file__, "exec"), module.__dict__)
for _name, _source in _SOURCES:
    _load(_name, _source)
_in, _out = os.dup(0), os.dup(1)
_null = os.open(os.devnull, os.O_RDWR)
for _fd in (0, 1, 2):
    os.dup2(_null, _fd)
"""
_BINARY = "sys.modules['worker'].main(_in, _out, listen=True)\n"
_TEXT = """
import base64, threading
_near_in, _far_in = os.pipe()
_near_out, _far_out = os.pipe()
def _take():
    for _line in os.fdopen(_in, "rb"):
        if _line.startswith(b"<~") and _line.rstrip().endswith(b"."):
            os.write(_far_in, base64.b64decode(_line.rstrip()[2:-1]))
    os._exit(0)
def _give():
    while True:
        _chunk = os.read(_near_out, 49152)
        if not _chunk:
            os._exit(0)
        _data = b"~>" + base64.b64encode(_chunk) + b".\\n"
        while _data:
            _data = _data[os.write(_out, _data):]
for _job in (_take, _give):
    threading.Thread(target=_job, daemon=True).start()
sys.modules["worker"].main(_near_in, _far_out, listen=True)
"""
_CHECK = """
import os, sys
if sys.version_info < (3, 8):
    sys.exit("programs need CPython 3.8 or newer; this is " + sys.version.split()[0])
if sys.flags.isolated and sys.executable:  # so the order of sets is left to chance: once more, with a seed
    again = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    again["PYTHONHASHSEED"] = "0"
    command = [sys.executable, "-s", "-u", "-c", "_code = {!r}; exec(_code)".format(_code)]
    try:
        os.execve(sys.executable, command + sys.argv[1:], again)
    except OSError:  # no second program may be started here
        pass
os.environ.pop("PYTHONHASHSEED", None)
sys.path[:] = filter(None, sys.path)
import zlib
data = b""
"""
_READ = """
size = int(sys.argv[1])
while len(data) < size:
    more = os.read(0, size - len(data))
    if not more:
        sys.exit("the stream ended before the worker had arrived")
    data += more
"""
_READ_TEXT = """
import base64
if os.isatty(0):
    import tty
    tty.setraw(0)
os.write(1, b"~>.\\n")
while not data.rstrip().endswith(b"."):
    more = os.read(0, 65536)
    if not more:
        sys.exit("the stream ended before the worker had arrived")
    data += more
data = base64.b64decode(data.strip()[2:-1])
"""
_RUN = 'exec(compile(zlib.decompress(data), "codeling-worker", "exec"), {"__name__": "codeling_worker"})'


def launch(python: str = "python3", *, text: bool = False, before: str = "") -> tuple[list[str], bytes]:
    """Give the command that starts a worker, and the bytes that it reads first, before any frame.

    `before` is Python that runs ahead of the worker, in its process. The bytes are packed, so that
    they fit into a pipe that nobody reads yet. With `text` the streams may be a terminal's, may carry
    text only and may show what was sent: messages to the worker are lines `<~base64.`, messages from
    it `~>base64.`, and an empty one says that it has begun to read. Python starts itself a second time, with a
    hash seed that is always the same.
    """
    packed = zlib.compress(f"{before}\n{worker_source(text=text)}".encode(), 9)
    if text:
        code = base64.b64encode((_CHECK + _READ_TEXT + _RUN).encode()).decode()  # any shell takes it as it is
        starting = f"import base64;_code=base64.b64decode('{code}').decode();exec(_code)"
        return [python, "-I", "-u", "-c", starting], line(packed)
    starting = f"_code = {(_CHECK + _READ + _RUN).strip()!r}; exec(_code)"
    return [python, "-I", "-u", "-c", starting, str(len(packed))], packed


def line(data: bytes) -> bytes:
    """Give the line of text that carries these bytes to a worker."""
    return b"<~" + base64.b64encode(data) + b".\n"


@cache
def modules() -> list[tuple[str, str]]:
    """Give the worker's modules, name and source, in the order in which they need each other."""
    return [(name, (_INSIDE / f"{name}.py").read_text(encoding="utf-8")) for name in _MODULES]


@cache
def worker_source(*, text: bool = False) -> str:
    """Give the script. With `text`, frames go as lines of text, as `launch` says."""
    return f"_SOURCES = {modules()!r}\n{_LOADER}{_TEXT if text else _BINARY}"
