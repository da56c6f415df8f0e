# id: 309
# name: setns_and_pidfds
# category: process
# expect: denied
# detail: no namespace is entered and no process is held by a descriptor
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
verdict(sc(308, 0, 0)); verdict(sc(434, {{VICTIM}}, 0)); verdict(sc(434, 1, 0)); verdict(sc(438, 3, 0, 0)); verdict(sc(424, 3, 9, 0, 0))
