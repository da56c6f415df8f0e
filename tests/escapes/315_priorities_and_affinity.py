# id: 315
# name: priorities_and_affinity
# category: process
# expect: denied
# detail: others' and its own place in the scheduler cannot be changed
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
b = ctypes.create_string_buffer(b'\x01' * 8, 128)
for pid in ({{VICTIM}}, 0):
    verdict(sc(203, pid, 8, b)); verdict(sc(144, pid, 1, b)); verdict(sc(142, pid, b)); verdict(sc(141, 0, pid, -20)); verdict(sc(251, 1, pid, 0)); verdict(sc(314, pid, b, 0))
