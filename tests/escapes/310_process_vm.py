# id: 310
# name: process_vm
# category: process
# expect: denied
# detail: no other process's memory is read or written
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
b = ctypes.create_string_buffer(4096); v = ctypes.create_string_buffer(struct.pack('QQ', ctypes.addressof(b), 4096))
for pid in ({{VICTIM}}, 1, sc(110)[0]):
    for n in (310, 311): verdict(sc(n, pid, v, 1, v, 1, 0))
