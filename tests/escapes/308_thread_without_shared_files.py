# id: 308
# name: thread_without_shared_files
# category: resource
# expect: denied
# detail: a thread with its own descriptor table would multiply the limit on descriptors
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
code = mmap.mmap(-1, 4096, prot=7)  # clone(flags, stack); the new thread sleeps for ever
code.write(bytes.fromhex('b838000000' '0f05' '4885c0' '7401' 'c3' 'b822000000' '0f05' 'ebf7'))
spawn = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, ctypes.c_long, ctypes.c_long, ctypes.c_long, ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
stack = mmap.mmap(-1, 1 << 16); top = ctypes.addressof(ctypes.c_char.from_buffer(stack)) + (1 << 15)
verdict((spawn(0x10b00, top, 0, 0, 0), 'a thread without CLONE_FILES'))
verdict(sc(272, 0x400)); verdict(sc(436, 3000, 3001, 2))
