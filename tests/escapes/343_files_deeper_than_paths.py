# id: 343
# name: files_deeper_than_paths
# category: fs-write
# expect: contained
# detail: files below folders too deep for a path count against the disk
# inprocess: no
import os
for _ in range(3000): os.mkdir('d' * 2); os.chdir('d' * 2)
held = 0
try:
    for n in range(50):
        with open('f%d' % n, 'wb') as f:
            for _ in range(32): held += f.write(b'x' * (1 << 20))
        if held > 512 << 20: print('ESCAPED: much more than the quota', held, flush=True); break
except OSError as e: print('DENIED after', held, e)
