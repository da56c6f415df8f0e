# id: 434
# name: urgent_bytes
# category: kernel
# expect: denied
# detail: bytes out of band, and sends that open connections or lend their memory, are refused
# inprocess: no
import socket
a, b = socket.socketpair()
for flags in (1, 0x4000000, 0x20000000, 0x8000000, 0x10000):
    for act in (lambda: a.send(b'x', flags), lambda: a.sendto(b'x', flags, b'x'), lambda: a.sendmsg([b'x'], [], flags), lambda: b.recv(1, flags | socket.MSG_DONTWAIT), lambda: b.recvmsg(1, 0, flags | socket.MSG_DONTWAIT)):
        try: print('ESCAPED', act())
        except OSError as e: print('DENIED' if e.errno != 11 else 'ESCAPED', e)
