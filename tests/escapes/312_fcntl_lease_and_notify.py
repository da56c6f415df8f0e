# id: 312
# name: fcntl_lease_and_notify
# category: kernel
# expect: denied
# detail: no lease on a file (it would stall the host) and no notice of changes
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
import fcntl, os
f = os.open(os.__file__, os.O_RDONLY)
for n, a in ((1024, 0), (1024, 1), (1026, 0x8000003F)):
    try: fcntl.fcntl(f if n == 1024 else os.open('.', 0), n, a); print('ESCAPED', n, a)
    except OSError as e: print('DENIED', e)
