# id: 346
# name: fallocate_many
# category: fs-write
# expect: contained
# detail: room that is reserved and not written counts too
# inprocess: no
import os, ctypes
l = ctypes.CDLL(None, use_errno=True); held = 0
for n in range(120):
    fd = os.open('f%d' % n, os.O_CREAT | os.O_RDWR)
    if l.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(60 << 20)): print('DENIED after', held, ctypes.get_errno()); break
    held += 60 << 20
    if held > 512 << 20: print('ESCAPED: much more than the quota', held, flush=True); break
