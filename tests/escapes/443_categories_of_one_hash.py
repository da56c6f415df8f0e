# id: 443
# name: categories_of_one_hash
# category: rpc
# expect: protocol
# detail: numbers that pandas looks for in one place are not looked up without end
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
def fold(x): return (x ^ x << 11) & 0xffffffff
found = [fold(x) << 33 | x for x in range(1, 400000) if fold(x) < 1 << 30]
call(column("category", found, [0] * len(found)))
import time; time.sleep(20)
