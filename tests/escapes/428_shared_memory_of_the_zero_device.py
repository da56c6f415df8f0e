# id: 428
# name: shared_memory_of_the_zero_device
# category: resource
# expect: contained
# detail: mapping /dev/zero makes no shared memory that stays when it is unmapped
# inprocess: no
import ctypes, os
l = ctypes.CDLL(None, use_errno=True); l.mmap.restype = ctypes.c_void_p
l.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
l.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
held, size = 0, 64 << 20
for name in ('/dev/zero', '/dev/full', '/dev/null'):
    try: fd = os.open(name, os.O_RDWR)
    except OSError as e: print('DENIED', e); continue
    while held < 1400 << 20:
        at = l.mmap(None, size, 3, 0x8001, fd, 0)
        if at in (None, 2**64 - 1): print('DENIED after', held, ctypes.get_errno()); break
        ctypes.memset(at, 1, size); l.munmap(at + 4096, size - 4096); held += size
    else: print('ESCAPED', held, flush=True)
