# id: 412
# name: bomb_of_copies
# category: resource
# expect: contained
# options: {"forks": 2}
# detail: where sessions can be forked, copies that a program makes of itself end soon, with their memory
# inprocess: no
import ctypes, time
l = ctypes.CDLL(None)
while l.fork() >= 0:
    hoard = bytearray(50 << 20)
print('DENIED'); time.sleep(5); print('ESCAPED')
