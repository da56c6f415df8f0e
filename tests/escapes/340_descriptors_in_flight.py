# id: 340
# name: descriptors_in_flight
# category: resource
# expect: contained
# detail: descriptors hidden in messages do not pass the limit by much
# inprocess: no
import array, os, socket
n, keep = 0, []
try:
    a, b = socket.socketpair(); a.setblocking(False)
    while n < 5000:
        fd = os.open('hidden%d' % n, os.O_CREAT | os.O_RDWR); os.unlink('hidden%d' % n); os.write(fd, b'x' * (1 << 20))
        a.sendmsg([b'.'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [fd]))]); os.close(fd); n += 1
except OSError as e: print('ESCAPED' if n > 200 else 'DENIED after', n, e)
else: print('ESCAPED', n)
