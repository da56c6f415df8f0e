# id: 355
# name: half_a_frame
# category: rpc
# expect: contained
# detail: a frame that never ends does not hold the host
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
raw(struct.pack('<I', 1000) + b'{"t":"call"'); import time; time.sleep(60)
