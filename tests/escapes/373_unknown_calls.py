# id: 373
# name: unknown_calls
# category: kernel
# expect: denied
# detail: calls newer than the filter, and nonsense, are refused and kill nobody
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
for n in (*range(450, 480), 512, 547, 1000, 0x3fffffff):
    r = sc(n, 0, 0, 0, 0, 0, 0)
    if r[0] >= 0: print('ESCAPED', n, r)
print('DENIED')
