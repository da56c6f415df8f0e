# id: 360
# name: output_flood_frames
# category: rpc
# expect: contained
# detail: output frames beyond the agreed size end the session
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
while True: raw(frame(b'{"t":"out","text":"' + b'x' * (1 << 20) + b'"}'))
