# id: 444
# name: keys_that_follow_each_other
# category: rpc
# expect: protocol
# detail: numbers that Python looks for where all the others are, though no two have one hash, are no keys of a large table
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
try: import numpy as np
except ImportError: print('DENIED, for there is no numpy to choose them with'); raise
size = 1 << 16; mask = size - 1; slot = 0; many = size * 2 // 3 - 1; base = []
for _ in range(many * 4 // 5): base.append(slot); slot = 5 * slot + 1 & mask
place = np.full(size, -1); place[base] = np.arange(len(base)); draw = np.random.default_rng(1); late = set()
while len(late) < many - len(base):
    h = draw.integers(size, 1 << 34, size=1000000); at, rest, ok = h & mask, h.copy(), np.ones(len(h), bool)
    for _ in range(7): ok &= place[at] >= 0; rest >>= 5; at = at * 5 + rest + 1 & mask
    late.update(h[ok & (place[at] >= 0) & (place[at] < len(base) // 2)].tolist())
call({"$": "dict", "v": [[key, 0] for key in (*base, *list(late)[:many - len(base)])]})
import time; time.sleep(20)
