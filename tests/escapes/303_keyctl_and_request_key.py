# id: 303
# name: keyctl_and_request_key
# category: kernel
# expect: denied
# detail: keyrings are out of reach: they outlive processes
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
verdict(sc(250, 0, -3, 0)); verdict(sc(249, b'user', b'x', 0, -3)); verdict(sc(250, 1, 0))
