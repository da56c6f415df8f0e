# id: 361
# name: picture_flood
# category: rpc
# expect: contained
# detail: pictures are counted and need not be pictures
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
for _ in range(100): raw(frame(b'{"t":"image","data":"' + b'A' * (4 << 20) + b'"}'))
