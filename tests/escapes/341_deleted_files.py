# id: 341
# name: deleted_files
# category: fs-write
# expect: contained
# detail: files that are deleted and still open count against the disk
# inprocess: no
import os
held = 0
try:
    for n in range(100):
        fd = os.open('gone', os.O_CREAT | os.O_RDWR | os.O_EXCL); os.unlink('gone')
        for _ in range(16): held += os.write(fd, b'x' * (2 << 20))
        if held > 512 << 20: print('ESCAPED: much more than the quota', held, flush=True); break
except OSError as e: print('DENIED after', held, e)
