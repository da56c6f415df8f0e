# id: 429
# name: pages_waiting_in_sockets
# category: resource
# expect: contained
# detail: pages of a file that was cut do not stay because a byte of each waits in a pipe or a socket
# inprocess: no
import os, socket
held, keep = 0, []
try:
    while held < 256 << 20:
        a, b = socket.socketpair(); keep += [a, b]
        for s in (a, b):
            s.setblocking(False); moved = 1
            while moved:
                fd = os.open('pages', os.O_CREAT | os.O_RDWR | os.O_TRUNC); os.write(fd, bytes(4 << 20)); moved = 0
                r, w = os.pipe(); os.set_blocking(r, False); os.set_blocking(w, False)
                try:
                    for page in range(0, 1020, 15):
                        n = sum(os.splice(fd, w, 1, offset_src=p * 4096) for p in range(page, page + 15))
                        os.splice(r, s.fileno(), n); moved += 1; held += n * 4096
                except BlockingIOError: moved = 0
                for each in (fd, r, w): os.close(each)
                os.truncate('pages', 0)
    print('ESCAPED', held)
except (OSError, AttributeError) as e: print('DENIED after', held, e)
