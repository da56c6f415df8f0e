# id: 363
# name: final_and_more
# category: rpc
# expect: contained
# detail: frames after the answer are refused
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
raw(frame(json.dumps({'t': 'final', 'val': 1}).encode()) * 3)
