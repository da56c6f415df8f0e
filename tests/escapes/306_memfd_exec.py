# id: 306
# name: memfd_exec
# category: kernel
# expect: denied
# detail: no program is started from memory
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
r = sc(319, b'x', 0)
print('memfd', r)
verdict(sc(322, max(r[0], 0), b'', 0, 0, 0x1000)); verdict(sc(59, b'/bin/true', 0, 0)); verdict(sc(322, -100, b'/bin/true', 0, 0, 0))
