# id: 448
# name: folder_nobody_can_list
# category: fs-write
# expect: contained
# detail: files in a folder that can be entered and not listed count as all others
# inprocess: no
import os
os.mkdir('hidden', 0o300)
n = 0
try:
    while n < 700:
        handle = os.open('hidden/f%d' % n, os.O_CREAT | os.O_WRONLY)
        os.write(handle, bytes(1 << 20)); os.close(handle); n += 1
    print('ESCAPED', n)
except OSError as e: print('DENIED after', n, e)
