# id: 464
# name: path_of_many_parts
# category: rpc
# expect: protocol
# detail: a path of millions of parts is none: it would take the host many times its memory
# inprocess: no
import os, socket, stat, struct, json
def rpc_fd():
    for fd in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode): return fd
        except OSError: pass
    raise SystemExit("no rpc fd")
FD = rpc_fd()
def raw(b):
    while b: b = b[os.write(FD, b):]
def send(**f): b = json.dumps(f).encode(); raw(struct.pack("<I", len(b)) + b)
def call(*args): send(t="call", id=900, name="{{TOOL}}", args=list(args), kw={})
call({"$": "path", "v": ["posix", "a/" * 7000000]})
import time; time.sleep(20)
