# id: 316
# name: prctl_games
# category: kernel
# expect: denied
# detail: no subreaper, tracer, dumpable flag, memory map or speculation is set
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
for a in ((36, 1), (0x59616d61, -1), (4, 1), (35, 1, 0x1000), (53, 0, 2), (22, 2), (1, 0), (8, 1), (28, 0), (24, 0), (47, 2, 0), (27,), (57, 1), (62, 0), (0x41555856, 0), (45, 1), (48, 1), (59, 1, 0)):
    if a != (27,): verdict(sc(157, *a, *(0,) * (5 - len(a))))
