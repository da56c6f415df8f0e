# id: 321
# name: handles
# category: fs-read
# expect: denied
# detail: files are not named by handle
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
b = ctypes.create_string_buffer(b'\x80\0\0\0', 136); m = ctypes.create_string_buffer(8); verdict(sc(303, -100, b'/usr', b, m, 0)); verdict(sc(304, -100, b, 0))
