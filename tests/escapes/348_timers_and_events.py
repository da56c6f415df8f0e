# id: 348
# name: timers_and_events
# category: resource
# expect: contained
# detail: timers, epolls and event descriptors end at a limit
# inprocess: no
import ctypes, select, os
l = ctypes.CDLL(None, use_errno=True); l.syscall.restype = ctypes.c_long; t = ctypes.create_string_buffer(4); n = 0
while n < 100000 and l.syscall(222, 1, None, t) == 0: n += 1
print('ESCAPED timers' if n >= 50000 else 'DENIED after', n)
keep = []
try:
    while len(keep) < 5000: keep.append(select.epoll())
    print('ESCAPED')
except OSError as e: print('DENIED after', len(keep), e)
