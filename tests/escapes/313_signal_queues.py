# id: 313
# name: signal_queues
# category: process
# expect: denied
# detail: signals with data to others
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
b = ctypes.create_string_buffer(128); b[0:4] = (10).to_bytes(4, 'little'); b[8:12] = (-1 & 0xffffffff).to_bytes(4, 'little')
for pid in ({{VICTIM}}, 1 if sc(39)[0] != 1 else 2):
    verdict(sc(129, pid, 10, b)); verdict(sc(297, pid, pid, 10, b)); verdict(sc(200, pid, 10)); verdict(sc(234, pid, pid, 10))
