# id: 304
# name: sysv_shm_and_sem
# category: kernel
# expect: denied
# detail: shared memory and semaphores of System V would outlive the sandbox
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
verdict(sc(29, 0, 1 << 20, 0o1666)); verdict(sc(64, 0, 1, 0o1666))
