# id: 413
# name: take_the_next_copys_wire
# category: rpc
# expect: contained
# options: {"forks": 2}
# detail: the socket by which copies get their wires gives nothing to whoever reads it, and nothing that is sent there is heard
# inprocess: no
import os, socket, threading
found = []
for fd in range(3, 32):
    try:
        s = socket.socket(fileno=os.dup(fd))
        for _ in range(3): s.send(b'\x00' * 100, socket.MSG_DONTWAIT) if fd != 3 else None
        s.setblocking(False)
        if fd != 3: found.append(socket.recv_fds(s, 100, 10))
    except OSError as e: pass
print('ESCAPED' if any(item[1] for item in found) else 'DENIED', found)
