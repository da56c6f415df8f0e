# id: 454
# name: range_of_long_numbers
# category: rpc
# expect: protocol
# detail: a range whose length takes Python minutes to divide is none
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
call({"$": "range", "v": [0, {"$": "int", "v": "f" * (6 << 20)}, {"$": "int", "v": "f" * (3 << 20)}]})
import time; time.sleep(20)
