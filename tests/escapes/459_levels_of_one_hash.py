# id: 459
# name: levels_of_one_hash
# category: rpc
# expect: protocol
# detail: labels of several levels whose first parts are all looked for in one place are none
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
def column(dtype, items, names): return {"$": "series", "v": {"dtype": dtype, "v": items}, "index": {"dtype": "object", "v": names}, "name": None}
prime = (1 << 61) - 1
names = [{"$": "tuple", "v": [{"$": "int", "v": hex(k * prime)}, k]} for k in range(1, 30000)]
call(column("object", [0] * len(names), names))
import time; time.sleep(20)
