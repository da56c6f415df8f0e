# id: 437
# name: sockets_of_many_processes
# category: resource
# expect: contained
# detail: what waits in the sockets of many processes counts as their memory
# inprocess: no
# options: {"processes": 48}
import os, socket, time
for _ in range(46):
    if os.fork() == 0: break
held, keep = 0, []
try:
    while True:
        for s in socket.socketpair():
            keep.append(s); s.setblocking(False)
            try:
                while True: held += s.send(b'x' * 65536)
            except BlockingIOError: pass
except OSError as e: pass
time.sleep(0.8)
print('held', held)
