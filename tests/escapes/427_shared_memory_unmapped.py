# id: 427
# name: shared_memory_unmapped
# category: resource
# expect: contained
# detail: shared memory without a file, unmapped but for a page, does not stay
# inprocess: no
import ctypes, os
l = ctypes.CDLL(None, use_errno=True); l.mmap.restype = ctypes.c_void_p
l.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
l.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
held, size = 0, 64 << 20
for kind in (0x21, 0x23):
    while held < 1400 << 20:
        at = l.mmap(None, size, 3, kind | 0x8000, -1, 0)
        if at in (None, 2**64 - 1): print('DENIED after', held, ctypes.get_errno()); break
        ctypes.memset(at, 1, size); l.munmap(at + 4096, size - 4096); held += size
    else: print('ESCAPED', held, flush=True)
