# id: 453
# name: processor_features
# category: native
# expect: harmless
# detail: whatever a program asks of its own thread by arch_prctl and signal stacks, no other session and no host notices
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
room = ctypes.create_string_buffer(4096)
for code in (0x1003, 0x1004, 0x1011, 0x1021, 0x1022, 0x1024, 0x2001, 0x2003, 0x3001, 0x4001, 0x4003, 0x5005): print(hex(code), sc(158, code, room))
for feature in range(64): sc(158, 0x1023, feature); sc(158, 0x1025, feature)
for address in (0, 4096, 0x7f0000000000): print(sc(158, 0x2003, address))
for _ in range(20000): sc(131, room, 0)
for advice in range(128): sc(28, (ctypes.addressof(room) + 4095) & ~4095, 0, advice)
print('done')
