# id: 463
# name: objects_out_of_little
# category: rpc
# expect: contained
# detail: a frame of a few bytes for each object is bounded by what it becomes in memory
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
def frame(b): return struct.pack("<I", len(b)) + b
raw(frame(b'{"t":"call","id":900,"name":"{{TOOL}}","kw":{},"args":[[' + b'{"":1000},' * 1300000 + b'0]]}'))
import time; time.sleep(1)
