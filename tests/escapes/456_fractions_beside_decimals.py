# id: 456
# name: fractions_beside_decimals
# category: rpc
# expect: protocol
# detail: keys that Python multiplies out each time that it compares them are none of one table
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
prime = (1 << 61) - 1; below = (1 << 131070) + 1; items = []
for n in range(40):
    hash = 1000 + n; above = hash * below % prime + prime * ((1 << 131069) // prime)
    items.append({"$": "fraction", "v": [{"$": "int", "v": hex(above)}, {"$": "int", "v": hex(below)}]})
    items += [{"$": "decimal", "v": str(hash + prime * k)} for k in range(60)]
call({"$": "set", "v": items})
import time; time.sleep(20)
