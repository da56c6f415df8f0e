# id: 307
# name: fork_by_every_call
# category: process
# expect: denied
# detail: fork, vfork, clone and clone3 make no process
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
import struct
for n, args in ((57, ()), (58, ()), (56, (17, 0, 0, 0, 0)), (56, (0x100 | 17, 0, 0, 0, 0)), (56, (0x8000 | 17, 0, 0, 0, 0)), (435, (ctypes.create_string_buffer(struct.pack('11Q', 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0), 88), 88))):
    r = sc(n, *args)
    if r[0] == 0:
        sc(231, 0)
    verdict(r)
