# id: 455
# name: long_number_beside_a_decimal
# category: rpc
# expect: protocol
# detail: two keys that Python takes hours to find different are no keys of one table
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
long = (1 << 8_000_000) + (5 - (1 << 8_000_000)) % ((1 << 61) - 1)  # its hash is 5
call({"$": "dict", "v": [[{"$": "tuple", "v": [{"$": "int", "v": hex(long)}]}, 0], [{"$": "tuple", "v": [{"$": "decimal", "v": "5"}]}, 0]]})
import time; time.sleep(20)
