# id: 435
# name: output_in_crumbs
# category: rpc
# expect: protocol
# detail: output that comes a letter at a time does not keep the host busy
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
one = frame(b'{"t":"out","text":"x"}') * 2000
for _ in range(300): raw(one)
