# id: 323
# name: chown_and_xattr
# category: fs-write
# expect: denied
# detail: a file's owner and attributes cannot be changed, in the working folder neither
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
open('mine', 'w').close()
for f in (b'{{CANARY}}/secret.txt', b'mine'):
    verdict(sc(92, f, 1, 1)); verdict(sc(94, f, 1, 1)); verdict(sc(260, -100, f, 1, 1, 0)); verdict(sc(188, f, b'user.x', b'pwned', 5, 0)); verdict(sc(197, f, b'user.x'))
