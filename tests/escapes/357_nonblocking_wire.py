# id: 357
# name: nonblocking_wire
# category: rpc
# expect: harmless
# detail: flags on the shared stream do not stop the host
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
os.set_blocking(FD, False); s = socket.socket(fileno=os.dup(FD))
try: s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
except OSError as e: print('DENIED', e)
