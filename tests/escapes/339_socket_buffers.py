# id: 339
# name: socket_buffers
# category: resource
# expect: contained
# detail: socket pairs and descriptors in flight cannot hold much of the kernel's memory
# inprocess: no
import array, socket
held, keep = 0, []
try:
    while True:
        a, b = socket.socketpair(); keep += [a, b]
        for s in (a, b):
            s.setblocking(False)
            try: s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30)
            except OSError: pass
            try:
                while True: held += s.send(b'x' * 65536)
            except BlockingIOError: pass
except OSError as e: print('ESCAPED' if held > 128 << 20 else 'DENIED after', held, e)
