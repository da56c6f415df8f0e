# id: 433
# name: page_tables
# category: resource
# expect: contained
# detail: mappings far from each other, each with page tables of its own, count as memory
# inprocess: no
import ctypes, os
l = ctypes.CDLL(None, use_errno=True); l.mmap.restype = ctypes.c_void_p
l.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
l.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
more = l.mmap(None, 690 << 20, 3, 0x22, -1, 0); n, at = 0, 1 << 32
while n < 60000:
    got = l.mmap(at, 4096, 3, 0x100022, -1, 0)
    if got in (None, 2**64 - 1): break
    ctypes.memset(got, 1, 1); n += 1; at += 1 << 30
    if at > 0x7f0000000000: at = at % (1 << 30) + (1 << 32) + (2 << 20)
ctypes.memset(more, 1, 690 << 20)
import time; time.sleep(1)
print('ESCAPED' if n > 50000 else 'DENIED', n)
