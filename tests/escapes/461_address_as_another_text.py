# id: 461
# name: address_as_another_text
# category: rpc
# expect: protocol
# detail: nor is one whose row has that name as what pandas would make a text of
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
place = {"version": 3, "typestr": "|S64", "shape": {"$": "tuple", "v": [1]}, "data": {"$": "tuple", "v": [16, True]}}
series = column("object", [place], [{"$": "path", "v": ["posix", "__array_interface__"]}])
series["index"]["dtype"] = "string"
call(series)
import time; time.sleep(20)
