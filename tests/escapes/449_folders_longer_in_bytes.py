# id: 449
# name: folders_longer_in_bytes
# category: fs-write
# expect: contained
# detail: folders whose path is short in characters and too long in bytes hide no files
# inprocess: no
import os
for _ in range(20):
    os.mkdir('\u20ac' * 85); os.chdir('\u20ac' * 85)
n = 0
try:
    while n < 700:
        handle = os.open('f%d' % n, os.O_CREAT | os.O_WRONLY)
        os.write(handle, bytes(1 << 20)); os.close(handle); n += 1
    print('ESCAPED', n)
except OSError as e: print('DENIED after', n, e)
