# id: 354
# name: empty_lists
# category: rpc
# expect: contained
# detail: a small frame that would be large in memory is bounded
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
raw(frame(b'{"t":"call","id":100000,"name":"echo","args":[[' + b'[],' * (5 << 20) + b'[]]],"kw":{}}'))
import time; time.sleep(1)
