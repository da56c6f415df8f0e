# id: 370
# name: ia32_calls
# category: native
# expect: contained
# detail: the 32-bit way into the kernel is shut
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
import mmap
code = mmap.mmap(-1, 4096, prot=7); code.write(bytes.fromhex('53' 'b814000000' 'cd80' '5b' 'c3'))
r = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
print('ESCAPED getpid by int 0x80', r)
