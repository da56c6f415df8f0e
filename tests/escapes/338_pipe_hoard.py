# id: 338
# name: pipe_hoard
# category: resource
# expect: contained
# detail: pipes cannot hold much of the kernel's memory
# inprocess: no
import os, fcntl
held = 0
try:
    while True:
        r, w = os.pipe(); os.set_blocking(w, False)
        try: fcntl.fcntl(w, 1031, 1 << 20)
        except OSError: pass
        try:
            while True: held += os.write(w, b'x' * 65536)
        except BlockingIOError: pass
except OSError as e: print('ESCAPED' if held > 64 << 20 else 'DENIED after', held, e)
