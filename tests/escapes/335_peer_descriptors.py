# id: 335
# name: peer_descriptors
# category: process
# expect: denied
# detail: the host's end of the wire gives no handle to its process
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
b = ctypes.create_string_buffer(8); n = ctypes.create_string_buffer((8).to_bytes(4, 'little'), 4)
for option in (77, 76, 62, 69, 26): verdict(sc(55, 3, 1, option, b, n))
for option in (26, 27, 50, 51, 25, 32, 36): verdict(sc(54, 3, 1, option, b, 8))
