# id: 317
# name: landlock_again
# category: kernel
# expect: denied
# detail: a further ruleset cannot be made, so none can loosen or confuse the first
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
import struct; verdict(sc(444, ctypes.create_string_buffer(struct.pack('Q', 4), 8), 8, 0)); verdict(sc(446, 0, 0))
