# id: 320
# name: host_settings
# category: kernel
# expect: denied
# detail: host name, domain, accounting, quotas, swap and modules
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
verdict(sc(170, b'pwned', 5)); verdict(sc(171, b'pwned', 5)); verdict(sc(163, b'acct')); verdict(sc(179, 0x800002, b'/', 0, 0)); verdict(sc(167, b'swap', 0)); verdict(sc(168, b'swap')); verdict(sc(313, 0, b'', 0)); verdict(sc(175, b'', 0, b'')); verdict(sc(103, 3, ctypes.create_string_buffer(4096), 4096)); verdict(sc(153)); verdict(sc(172, 3)); verdict(sc(173, 0, 1, 1)); verdict(sc(162)) if 0 else None
