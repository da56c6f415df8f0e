# id: 319
# name: mount_api
# category: kernel
# expect: denied
# detail: the newer mount calls are refused
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
verdict(sc(428, -100, b'/', 1)); verdict(sc(430, b'tmpfs', 0)); verdict(sc(429, 0, b'', -100, b'/', 4)); verdict(sc(442, -100, b'/', 0x8000, ctypes.create_string_buffer(32), 32)); verdict(sc(166, b'/', 2)); verdict(sc(161, b'.'))
