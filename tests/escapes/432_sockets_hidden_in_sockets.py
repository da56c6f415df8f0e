# id: 432
# name: sockets_hidden_in_sockets
# category: resource
# expect: contained
# detail: sockets that are full and sent to oneself do not hold memory beyond the limit of descriptors
# inprocess: no
import array, socket
held, hidden, keep = 0, 0, []
def fill(s):
    global held
    s.setblocking(False)
    for piece in (65536, 4096, 1):
        try:
            while True: held += s.send(b'x' * piece)
        except BlockingIOError: pass
def more():
    try:
        while True:
            a, b = socket.socketpair(); keep.extend((a, b)); fill(a); fill(b)
    except OSError: pass
carrier = socket.socketpair()
more()
try:
    for _ in range(20):
        carrier[0].sendmsg([b'.'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [s.fileno() for s in keep]))])
        for s in keep: s.close()
        hidden += len(keep); keep.clear(); more()
except OSError as e: print('DENIED', e)
print('ESCAPED' if hidden or held > 64 << 20 else 'DENIED', held, hidden)
