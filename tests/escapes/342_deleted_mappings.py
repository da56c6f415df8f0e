# id: 342
# name: deleted_mappings
# category: fs-write
# expect: contained
# detail: files that are deleted, closed and still mapped count against the disk
# inprocess: no
import os, mmap
held, keep = 0, []
try:
    for n in range(100):
        fd = os.open('gone', os.O_CREAT | os.O_RDWR | os.O_EXCL); os.unlink('gone')
        for _ in range(16): held += os.write(fd, b'x' * (2 << 20))
        keep.append(mmap.mmap(fd, 4096)); os.close(fd)
        if held > 512 << 20: print('ESCAPED: much more than the quota', held, flush=True); break
except OSError as e: print('DENIED after', held, e)
