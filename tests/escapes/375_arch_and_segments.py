# id: 375
# name: arch_and_segments
# category: kernel
# expect: denied
# detail: no segment, port or map of the processor is changed
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
verdict(sc(154, 0, 0, 0)); verdict(sc(205, 0)); verdict(sc(172, 0)); verdict(sc(173, 0, 1, 1)); verdict(sc(135, 0x0040000)); verdict(sc(216, 0, 4096, 0, 0, 0)); verdict(sc(237, 0, 4096, 0, 0, 0, 0)); verdict(sc(238, 0, 0, 0)); verdict(sc(149, 0, 4096)); verdict(sc(151, 1)); verdict(sc(325, 0, 4096, 0))
