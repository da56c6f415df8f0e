# id: 353
# name: calls_without_reading
# category: rpc
# expect: contained
# detail: replies that nobody reads do not pile up on the host
# inprocess: no
import os, socket, stat, struct, json
def rpc_fd():
    for fd in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode): return fd
        except OSError: pass
    raise SystemExit('no rpc fd')
FD = rpc_fd()
def frame(b): return struct.pack('<I', len(b)) + b
def raw(b):
    while b: b = b[os.write(FD, b):]
body = json.dumps({'t': 'call', 'id': 0, 'name': 'echo', 'args': ['x' * (1 << 19)], 'kw': {}}).encode()
n = 100000
while True:
    raw(frame(body.replace(b'"id": 0', b'"id": %d' % n))); n += 1
