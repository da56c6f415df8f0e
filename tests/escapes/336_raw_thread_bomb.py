# id: 336
# name: raw_thread_bomb
# category: resource
# expect: contained
# detail: threads without stacks of their own are counted too: the machine's process ids stay free
# inprocess: no
import ctypes, mmap
l = ctypes.CDLL(None, use_errno=True); l.syscall.restype = ctypes.c_long
code = mmap.mmap(-1, 4096, prot=7)
# clone(flags, stack); the child calls pause() for ever, the parent returns the thread's number
code.write(bytes.fromhex('b838000000' '0f05' '4885c0' '7401' 'c3' 'b822000000' '0f05' 'ebf7'))
spawn = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, ctypes.c_long, ctypes.c_long, ctypes.c_long, ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
stacks = mmap.mmap(-1, 1 << 20); top = ctypes.addressof(ctypes.c_char.from_buffer(stacks)) + (1 << 19)
n = 0
while n < 30000 and spawn(0x10f00, top, 0, 0, 0) > 0: n += 1
print('ESCAPED' if n >= 30000 else 'DENIED after', n)
