# id: 356
# name: steal_the_next_command
# category: rpc
# expect: contained
# detail: reading the host's frames away breaks this session only
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
import threading
threading.Thread(target=lambda: os.read(FD, 1 << 20), daemon=True).start()
