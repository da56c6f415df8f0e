# id: 430
# name: pages_sent_from_files
# category: resource
# expect: contained
# detail: sendfile leaves no pages of a cut file in sockets
# inprocess: no
import os, socket
held, keep = 0, []
try:
    while held < 128 << 20:
        a, b = socket.socketpair(); keep += [a, b]
        for s in (a, b):
            s.setblocking(False)
            try:
                while True:
                    fd = os.open('pages', os.O_CREAT | os.O_RDWR | os.O_TRUNC); os.write(fd, bytes(1 << 20))
                    for page in range(256): held += 4096 * os.sendfile(s.fileno(), fd, page * 4096, 1)
                    os.close(fd)
            except BlockingIOError: os.close(fd)
    print('ESCAPED', held)
except OSError as e: print('DENIED after', held, e)
