# id: 457
# name: decimals_as_whole_numbers
# category: rpc
# expect: protocol
# detail: a decimal of a hundred million digits is no item of a column of whole numbers
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
call(column("int64", [{"$": "decimal", "v": "1e100000000"}], [0]))
import time; time.sleep(20)
