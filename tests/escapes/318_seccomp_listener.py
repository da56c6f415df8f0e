# id: 318
# name: seccomp_listener
# category: kernel
# expect: denied
# detail: no filter that hands calls to a listener
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
import struct; b = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0x7fc00000)); p = ctypes.create_string_buffer(struct.pack('HxxxxxxQ', 1, ctypes.addressof(b))); verdict(sc(317, 1, 8, p)); verdict(sc(157, 22, 2, ctypes.addressof(p), 0, 0)); verdict(sc(317, 0, 0, 0))
