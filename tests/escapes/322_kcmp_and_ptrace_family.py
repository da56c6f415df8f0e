# id: 322
# name: kcmp_and_ptrace_family
# category: process
# expect: denied
# detail: no comparing, tracing or advising of other processes
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
verdict(sc(312, {{VICTIM}}, 1, 0, 0, 0)); verdict(sc(101, 16, {{VICTIM}}, 0, 0)); verdict(sc(101, 0, 0, 0, 0)); verdict(sc(440, 3, 0, 0, 0, 0)); verdict(sc(448, 3, 0)); verdict(sc(256, {{VICTIM}}, 8, 0, 0)); verdict(sc(279, {{VICTIM}}, 0, 0, 0, 0, 0))
