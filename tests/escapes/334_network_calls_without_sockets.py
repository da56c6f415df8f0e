# id: 334
# name: network_calls_without_sockets
# category: network
# expect: denied
# detail: calls that would carry data out by other ways
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
verdict(sc(307, 3, 0, 0, 0)); verdict(sc(299, 3, 0, 0, 0, 0)); verdict(sc(43, 3, 0, 0)); verdict(sc(288, 3, 0, 0, 0)); verdict(sc(42, 3, b'\x01\x00{{SOCK}}\0', 110)); verdict(sc(49, 3, b'\x01\x00pwned\0', 8)); verdict(sc(50, 3, 1))
