"""What the parent of workers does once, so that not each of them has to.

Python changes the code that it runs: it counts, chooses faster instructions, remembers where names were found.
In a copy of a process each such change copies a page of memory. So the parent runs the worker's code itself
before the first copy is made, and that code stays as it is from there on.
"""

import builtins
import linecache
import os
import socket
import sys

import seeds
import wire
import worker

__all__ = ("practise",)

ROUNDS = 12
_OPEN = {"t": "open", "id": 0, "tools": {"look_up": "def look_up(key): ..."}, "output": 1 << 20, "imports": None}
_PROGRAM = """
kept = [*globals().get("kept", ()), look_up("a", key=1)]
print(len(kept), sum(kept))
for number, item in enumerate(sorted(kept)):
    text = f"{number}: {item}".strip()
{"a": text, "b": [1, 2.5, None, True]}
"""
_STREAMS = ("stdout", "stderr", "__stdout__", "__stderr__")


def practise():
    """Run some programs in a worker of this process, for a host that is a copy of it. Leaves all as it was."""
    names, streams = dict(vars(builtins)), {name: getattr(sys, name) for name in _STREAMS}
    main, finders, actions = sys.modules["__main__"], sys.meta_path[:], dict(seeds._actions)
    near, far = socket.socketpair()
    with near, far:
        host = os.fork()
        if not host:
            _ask_for_programs(near)
        made = worker.Worker(far.fileno(), far.fileno())
        for _ in range(2 * ROUNDS):
            made.obey(made.wire.command())
            linecache.cache.pop(made.program, None)
        near.close()
        os.waitpid(host, 0)
    for name in set(vars(builtins)) - set(names):
        delattr(builtins, name)
    vars(builtins).update(names)
    vars(sys).update(streams)
    sys.modules["__main__"], sys.meta_path[:] = main, finders
    seeds._actions.clear()
    seeds._actions.update(actions)


def _ask_for_programs(near):
    """The host's part: open a session for each program, and send the reply to the one call that it makes."""
    try:
        for step in range(1, ROUNDS + 1):
            for frame, answer in (
                ({**_OPEN, "seed": step}, "ready"),
                ({"t": "exec", "id": step, "src": _PROGRAM, "clock": None}, "call"),
                ({"t": "ret", "id": step, "val": 12}, "done"),
            ):
                near.sendall(wire.packed(frame))
                while b'"%b"' % answer.encode() not in near.recv(1 << 16):
                    pass
    finally:
        os._exit(0)
