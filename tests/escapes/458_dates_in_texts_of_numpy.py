# id: 458
# name: dates_in_texts_of_numpy
# category: rpc
# expect: protocol
# detail: a column of dates in words is not read for minutes, of whatever kind its texts are
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
import base64
def text(words): return {"$": "scalar", "dtype": "<U%d" % len(words), "v": base64.b64encode(words.encode("utf-32-le")).decode()}
call(column("datetime64[ns]", [text("%d jan 2020 5:%02d:%02d pm" % (n % 28 + 1, n % 60, n // 60 % 60)) for n in range(60000)], [0] * 60000))
import time; time.sleep(20)
