# id: 438
# name: quotes_without_end
# category: rpc
# expect: protocol
# detail: a text that never ends, made of quotes, costs the host no more time than its length
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
raw(frame(b'{"t":"final","val":[' + b'[],' * 1500000 + b'"' + b'\\"' * 5000000))
import time; time.sleep(20)
